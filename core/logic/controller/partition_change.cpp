#include "core/logic/controller/partition_change.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic {
namespace {
using model::BrokerIds;
using model::PartitionImage;

// A partition on its way from what it is to what it will be.
struct Plan {
    PartitionImage next;
    const PartitionRules& rules;
    const PartitionTarget& target;
    bool new_epoch = false;

    // Kafka's effective minimum: never more than there are replicas.
    bool enough() const {
        const auto all = static_cast<std::int32_t>(next.replicas.size());
        return std::cmp_greater_equal(next.isr.size(), std::min(rules.min_isr, all));
    }
    bool can_lead(std::int32_t id) const { return target.can_lead && target.can_lead(id); }
    bool eligible(std::int32_t id) const {
        if (!contains(next.replicas, id)) return false;
        const bool holds_all =
            contains(next.isr, id) || (next.isr.empty() && contains(next.elr, id));
        return holds_all && can_lead(id);
    }
    void finish_reassignment();
    void elect();
    void lead(std::int32_t id, bool clean);
    void keep_eligible(const PartitionImage& now);
};

// Complete when those that stay in sync hold all replicas that are to stay.
void Plan::finish_reassignment() {
    if (next.adding.empty() && next.removing.empty()) return;
    const BrokerIds staying = without(next.replicas, next.removing);
    const BrokerIds isr = without(next.isr, next.removing);
    const bool all = !isr.empty() && std::ranges::all_of(staying, [&](std::int32_t id) {
        return contains(isr, id);
    });
    if (!all) return;
    next.replicas = staying;
    next.isr = isr;
    next.adding.clear();
    next.removing.clear();
}

void Plan::lead(std::int32_t id, bool clean) {
    FL_INVARIANT(131, can_lead(id));
    if (!clean) {
        next.isr = {id};
        next.recovering = true;
    } else if (!contains(next.isr, id)) {
        FL_INVARIANT(130, next.isr.empty() && contains(next.elr, id));
        next.isr = {id};
    }
    if (next.leader == NodeId{id}) return;
    next.leader = NodeId{id};
    new_epoch = true;
}

void Plan::elect() {
    if (target.election == Election::preferred && !next.replicas.empty() &&
        eligible(next.replicas.front()))
        return lead(next.replicas.front(), true);
    if (eligible(next.leader.v)) return lead(next.leader.v, true);
    for (const std::int32_t id : next.replicas) {
        if (eligible(id)) return lead(id, true);
    }
    // The last that led: it may lack what it had not made durable, so it recovers (KIP-966).
    if (next.isr.empty() && next.elr.empty() && next.last_known_elr.size() == 1 &&
        contains(next.replicas, next.last_known_elr.front()) &&
        can_lead(next.last_known_elr.front()))
        return lead(next.last_known_elr.front(), false);
    if (rules.unclean || target.election == Election::unclean) {
        for (const std::int32_t id : next.replicas) {
            if (can_lead(id)) return lead(id, false);
        }
    }
    if (next.leader != model::kNoLeader) {
        next.leader = model::kNoLeader;
        new_epoch = true;
    }
}

void Plan::keep_eligible(const PartitionImage& now) {
    if (enough()) {
        next.elr.clear();
        next.last_known_elr.clear();
        return;
    }
    BrokerIds elr = now.elr, known = now.last_known_elr;
    for (const std::int32_t id : now.isr) {
        if (!contains(elr, id)) elr.push_back(id);
    }
    std::erase_if(elr, [&](std::int32_t id) {
        return contains(next.isr, id) || id == target.forget || !contains(next.replicas, id);
    });
    next.elr = elr;
    if (next.isr.empty() && elr.empty() && known.empty()) {
        // Whoever led last is the best that is left.
        const std::int32_t last = now.leader.v >= 0 ? now.leader.v : target.forget;
        if (contains(next.replicas, last)) known = {last};
    }
    if (!next.isr.empty()) known.clear();
    next.last_known_elr = known;
}
}  // namespace

bool contains(const BrokerIds& ids, std::int32_t id) {
    return std::ranges::find(ids, id) != ids.end();
}

BrokerIds without(const BrokerIds& ids, std::int32_t id) {
    BrokerIds out = ids;
    std::erase(out, id);
    return out;
}

BrokerIds without(const BrokerIds& ids, const BrokerIds& others) {
    BrokerIds out = ids;
    std::erase_if(out, [&](std::int32_t id) { return contains(others, id); });
    return out;
}

std::optional<wire::PartitionChangeRecord> change_partition(const Uuid& topic, std::int32_t index,
                                                            const PartitionImage& now,
                                                            const PartitionRules& rules,
                                                            const PartitionTarget& target) {
    Plan plan{now, rules, target};
    PartitionImage& next = plan.next;
    if (target.isr) next.isr = *target.isr;
    if (target.replicas) next.replicas = *target.replicas;
    if (target.adding) next.adding = *target.adding;
    if (target.removing) next.removing = *target.removing;
    if (target.recovering) next.recovering = *target.recovering;
    // Who leaves the ISR now is eligible before the election, so that it can be elected again.
    plan.keep_eligible(now);
    plan.finish_reassignment();
    plan.elect();
    if (plan.enough()) {
        next.elr.clear();
        next.last_known_elr.clear();
    } else {
        next.elr = without(next.elr, next.isr);
        if (!next.isr.empty()) next.last_known_elr.clear();
    }
    // A replica that left may still be read by its followers: they must notice.
    if (next.replicas.size() < now.replicas.size()) plan.new_epoch = true;

    if (next == now && !plan.new_epoch) return std::nullopt;
    wire::PartitionChangeRecord r;
    r.partition_id = index;
    r.topic_id = topic;
    if (next.isr != now.isr) r.isr = next.isr;
    if (next.replicas != now.replicas) r.replicas = next.replicas;
    if (next.adding != now.adding) r.adding_replicas = next.adding;
    if (next.removing != now.removing) r.removing_replicas = next.removing;
    if (plan.new_epoch) r.leader = next.leader.v;
    if (next.elr != now.elr) r.eligible_leader_replicas = next.elr;
    if (next.last_known_elr != now.last_known_elr) r.last_known_elr = next.last_known_elr;
    if (next.recovering != now.recovering) r.leader_recovery_state = next.recovering ? 1 : 0;
    return r;
}
}  // namespace faultline::logic
