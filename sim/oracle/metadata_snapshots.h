// INV-149: where the metadata log of a node begins.
#pragma once
#include "sim/oracle/oracle.h"

namespace faultline::sim {
std::unique_ptr<Oracle> make_metadata_snapshots(Judge& judge, const Cast& cast);
}  // namespace faultline::sim
