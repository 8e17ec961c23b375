// INV-153 metadata-snapshots: the metadata log of a node begins at 0, or not above a snapshot that
// this node has put in its place. What is below is in no log any more. That the snapshot has the
// image of the log is INV-147's: who begins from one tells its image.
#include "sim/oracle/metadata_snapshots.h"

#include <charconv>

#include <fmt/format.h>

namespace faultline::sim {
namespace {

class MetadataSnapshots final : public Oracle {
public:
    MetadataSnapshots(Judge& judge, const Cast&) : Oracle(judge, 153, "metadata-snapshots") {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        const auto* s = std::get_if<probe::LogStartMoved>(&event);
        if (s == nullptr || partition_name(s->partition) != "__cluster_metadata-0") return;
        ++premises_;
        const auto& [end, number] = newest_[node];
        if (s->to <= end) return;
        violate(at,
                fmt::format("the metadata log of n{} begins at {} now, but its newest snapshot "
                            "ends at {}",
                            node.v, s->to.v, end.v),
                number);
    }
    void on_sim(MonoTime, const SimEvent& event) override {
        const auto* d = std::get_if<DiskDone>(&event);
        if (d == nullptr || d->op != DiskOp::rename || d->sys != 0) return;
        const auto end = end_of(judge_.recorder().text(d->path));
        if (!end) return;
        auto& newest = newest_[d->node];
        if (*end >= newest.first) newest = {*end, event_number()};
    }

private:
    // 40 of "data/__cluster_metadata-0/00000000000000000040-0000000003.checkpoint".
    static std::optional<Offset> end_of(std::string_view path) {
        constexpr std::size_t kDigits = 20;
        const auto dash = path.rfind('-');
        if (!path.contains(".checkpoint") || dash == std::string_view::npos || dash < kDigits)
            return {};
        Offset end;
        const std::string_view digits = path.substr(dash - kDigits, kDigits);
        const auto [stop, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), end.v);
        if (error != std::errc{} || stop != digits.data() + digits.size()) return {};
        return end;
    }
    std::map<NodeId, std::pair<Offset, std::uint64_t>> newest_;  // its end, and which event
};
}  // namespace

std::unique_ptr<Oracle> make_metadata_snapshots(Judge& judge, const Cast& cast) {
    return std::make_unique<MetadataSnapshots>(judge, cast);
}
}  // namespace faultline::sim
