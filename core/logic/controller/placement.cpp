#include "core/logic/controller/placement.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic {
namespace {

// The brokers of one rack, each time beginning with the next.
struct Rack {
    model::BrokerIds active, fenced;
};

// One broker of each rack after the other, so that neighbours stand in different racks.
model::BrokerIds interleave(const std::vector<model::BrokerIds>& racks) {
    model::BrokerIds out;
    for (std::size_t i = 0;; ++i) {
        bool any = false;
        for (const auto& rack : racks) {
            if (i >= rack.size()) continue;
            out.push_back(rack[i]);
            any = true;
        }
        if (!any) return out;
    }
}

void rotate(model::BrokerIds& ids, std::size_t by) {
    if (!ids.empty())
        std::ranges::rotate(ids, ids.begin() + static_cast<std::ptrdiff_t>(by % ids.size()));
}
}  // namespace

std::vector<model::BrokerIds> place_replicas(const model::MetadataImage& image, std::int32_t count,
                                             std::int32_t factor, Rng& rng) {
    FL_ASSERT(factor > 0 && std::cmp_less_equal(factor, image.brokers.size()));
    std::map<std::string, Rack> racks;
    for (const model::BrokerImage& b : image.brokers) {
        Rack& rack = racks[b.rack.value_or("")];
        (b.active() ? rack.active : rack.fenced).push_back(b.id.v);
    }
    std::vector<model::BrokerIds> active, fenced;
    for (auto& [name, rack] : racks) {
        active.push_back(std::move(rack.active));
        fenced.push_back(std::move(rack.fenced));
    }
    const std::size_t start = rng.below(image.brokers.size());
    std::vector<model::BrokerIds> placed;
    for (std::int32_t i = 0; i < count; ++i) {
        const std::size_t turn = start + static_cast<std::size_t>(i);
        // The rack that leads changes with every partition, the broker of a rack with every round
        // over the racks.
        std::vector<model::BrokerIds> order = active, last = fenced;
        for (auto& rack : order) rotate(rack, turn / racks.size());
        std::ranges::rotate(order,
                            order.begin() + static_cast<std::ptrdiff_t>(turn % racks.size()));
        model::BrokerIds row = interleave(order);
        if (racks.size() == 1) {
            row = active.front();
            rotate(row, turn);
            // Each round over the brokers the followers stand in another order, so that the
            // partitions of a dead leader are spread over all others.
            if (row.size() > 2)
                std::rotate(row.begin() + 1,
                            row.begin() + 1 +
                                static_cast<std::ptrdiff_t>(turn / row.size() % (row.size() - 1)),
                            row.end());
        }
        for (const std::int32_t id : interleave(last)) row.push_back(id);
        row.resize(static_cast<std::size_t>(factor));
        placed.push_back(std::move(row));
    }
    return placed;
}
}  // namespace faultline::logic
