// INV-103 sync-honesty: after a failed sync of a partition's log this broker calls nothing of that
// partition durable any more until it starts again: which pages the disk has got is not known
// (fsync may fail once and succeed after it).
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

// "orders-0" of "/var/data/orders-0/00000000000000000000.log"; "" where there is no directory.
std::string_view directory_of(std::string_view path) {
    const std::size_t end = path.rfind('/');
    if (end == std::string_view::npos || end == 0) return "";
    const std::size_t begin = path.rfind('/', end - 1);
    return path.substr(begin == std::string_view::npos ? 0 : begin + 1,
                       end - (begin == std::string_view::npos ? 0 : begin + 1));
}

class SyncHonesty final : public Oracle {
public:
    explicit SyncHonesty(Judge& judge) : Oracle(judge, 103, "sync-honesty") {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (failed_.empty()) return;
        if (const auto* f = std::get_if<probe::LogFlushed>(&event)) {
            const auto it = failed_.find({node, std::string(partition_name(f->partition))});
            if (it == failed_.end()) return;
            violate(at,
                    fmt::format("a sync of {} failed, but the broker calls it durable up to offset "
                                "{} without having started again",
                                partition_name(f->partition), f->durable_end.v),
                    it->second);
        }
    }

    void on_sim(MonoTime, const SimEvent& event) override {
        if (const auto* d = std::get_if<DiskDone>(&event)) {
            if (d->op != DiskOp::sync || d->sys == 0) return;
            const std::string_view path = judge_.recorder().text(d->path);
            if (!path.ends_with(".log")) return;
            ++premises_;
            failed_.try_emplace({d->node, std::string(directory_of(path))}, event_number());
        } else if (const auto* s = std::get_if<NodeStarted>(&event)) {
            std::erase_if(failed_, [&](const auto& e) { return e.first.first == s->node; });
        }
    }

private:
    // node and partition -> number of the event at which the sync failed
    std::map<std::pair<NodeId, std::string>, std::uint64_t> failed_;
};
}  // namespace

std::unique_ptr<Oracle> make_sync_honesty(Judge& judge, const Cast&) {
    return std::make_unique<SyncHonesty>(judge);
}
}  // namespace faultline::sim
