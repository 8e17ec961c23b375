#include "sim/oracle/oracle.h"

namespace faultline::sim {

void Judge::report(Finding finding) {
    if (finding_) return;
    recorder_.record(finding.at, Violation{static_cast<std::uint32_t>(finding.invariant),
                                           recorder_.intern(finding.sentence)});
    finding_ = std::move(finding);
    if (on_finding_) on_finding_();
}

std::string Cast::consumer_name(std::int32_t consumer) const {
    if (consumer == auditor()) return "the auditor";
    return consumers[static_cast<std::size_t>(consumer)].id;
}

bool Cast::promises_durability(std::int32_t client) const {
    const ProducerSpec& p = producers[static_cast<std::size_t>(client)];
    if (p.acks != Acks::all) return false;
    const auto it = topic_flush_before_ack.find(p.topic);
    return it == topic_flush_before_ack.end() ? flush_before_ack : it->second;
}

std::string_view topic_of(std::string_view partition) {
    return partition.substr(0, partition.rfind('-'));
}

std::vector<std::unique_ptr<Oracle>> make_oracles(Judge& judge, const Cast& cast) {
    std::vector<std::unique_ptr<Oracle>> all;
    all.push_back(make_acked_is_durable(judge, cast));
    all.push_back(make_dense_offsets(judge, cast));
    all.push_back(make_log_prefix(judge, cast));
    all.push_back(make_no_phantom(judge, cast));
    all.push_back(make_producer_order(judge, cast));
    all.push_back(make_high_watermark(judge, cast));
    all.push_back(make_retention_earned(judge, cast));
    return all;
}
}  // namespace faultline::sim
