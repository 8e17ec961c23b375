#include "sim/oracle/survival_budget.h"

namespace faultline::sim {

void SurvivalBudget::on_probe(const probe::Event& event) {
    // Of a directory that failed nobody knows which pages the disk has got.
    if (std::holds_alternative<probe::LogDirFailed>(event)) ++losses_;
}

void SurvivalBudget::on_sim(const SimEvent& event) {
    if (const auto* crash = std::get_if<NodeCrashed>(&event)) {
        if (crash->power_loss) ++losses_;
    } else if (const auto* effect = std::get_if<FaultEffect>(&event)) {
        const bool known = effect->fault < cast_.faults.size();
        beyond_ = beyond_ || (known && info(cast_.faults[effect->fault]).breaks_contract);
    }
}

bool SurvivalBudget::unsynced_at_risk(probe::PartitionKey partition) const {
    const auto it = since_.find(partition);
    return losses_ > (it == since_.end() ? 0 : it->second);
}
}  // namespace faultline::sim
