// docs/CONFIG.md, made from the same table and the same reader as the configuration itself.
#pragma once
#include <string>

namespace faultline::config {

std::string config_document();
}  // namespace faultline::config
