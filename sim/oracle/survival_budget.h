// How much loss the contract of the configuration permits at this moment (docs/ORACLES.md).
//   within       nothing that was promised may be missing: crash and power loss are survived by
//   what
//                waited for the disk, crash by everything
//   unsynced     power was lost, or a sync failed: what promised no durability may be gone
//   beyond       the environment broke a promise that the broker's own rests on (a lying disk, rot,
//                a wiped disk, ...; of clusters ClusterLogs knows better of the last): anything may
//                be gone, but only as the end of a log that is reported to be shorter, or as damage
//                that is reported
#pragma once
#include "sim/oracle/oracle.h"

namespace faultline::sim {

class SurvivalBudget {
public:
    explicit SurvivalBudget(const Cast& cast) : cast_(cast) {}
    void on_probe(const probe::Event& event);
    void on_sim(const SimEvent& event);
    // Since that log was opened last.
    bool unsynced_at_risk(probe::PartitionKey partition) const;
    void opened(probe::PartitionKey partition) { since_[partition] = losses_; }
    bool beyond() const noexcept { return beyond_; }

private:
    const Cast& cast_;
    std::uint64_t losses_ = 0;  // power losses and failed syncs so far
    std::map<probe::PartitionKey, std::uint64_t> since_;
    bool beyond_ = false;
};
}  // namespace faultline::sim
