// INV-147 metadata-equal: two nodes that have applied the metadata log up to the same offset have
// the same image, and no process goes back to an earlier offset.
#include <unordered_map>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class MetadataEqual final : public Oracle {
public:
    MetadataEqual(Judge& judge, const Cast&) : Oracle(judge, 147, "metadata-equal") {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        const auto* m = std::get_if<probe::MetadataApplied>(&event);
        if (m == nullptr) return;
        auto& newest = newest_.try_emplace(node, std::pair{std::int64_t{-1}, 0ULL}).first->second;
        if (m->end.v < newest.first) {
            violate(at,
                    fmt::format("n{} had applied the metadata up to {}, but now only up to {}",
                                node.v, newest.first, m->end.v),
                    newest.second);
        }
        newest = {m->end.v, event_number()};
        const auto [it, first] =
            images_.try_emplace(m->end.v, Image{m->digest, node, event_number()});
        if (first) return;
        ++premises_;
        if (it->second.digest == m->digest) return;
        violate(at,
                fmt::format("n{} has applied the metadata up to {} and has the image {:016x}, but "
                            "n{} has {:016x}",
                            it->second.node.v, m->end.v, it->second.digest, node.v, m->digest),
                it->second.number);
    }
    void on_sim(MonoTime, const SimEvent& event) override {
        if (const auto* s = std::get_if<NodeStarted>(&event)) newest_.erase(s->node);
    }

private:
    struct Image {
        std::uint64_t digest;
        NodeId node;
        std::uint64_t number;
    };
    std::unordered_map<std::int64_t, Image> images_;  // by the end of what was applied
    std::map<NodeId, std::pair<std::int64_t, unsigned long long>> newest_;  // of each process
};
}  // namespace

std::unique_ptr<Oracle> make_metadata_equal(Judge& judge, const Cast& cast) {
    return std::make_unique<MetadataEqual>(judge, cast);
}
}  // namespace faultline::sim
