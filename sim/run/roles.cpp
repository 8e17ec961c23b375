#include "sim/run/roles.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/assert.h"

namespace faultline::sim {

using Part = Selector::Part;

Roles::Roles(const Scenario& scenario, std::map<std::string, NodeId> nodes,
             const Recorder& recorder)
    : recorder_(recorder), nodes_(std::move(nodes)) {
    for (int i = 1; i <= scenario.cluster.brokers; ++i)
        brokers_.push_back(nodes_.at(fmt::format("n{}", i)));
    for (int i = 1; i <= scenario.cluster.controllers; ++i)
        controllers_.push_back(nodes_.at(fmt::format("c{}", i)));
    controller_ = controllers_.empty() ? brokers_.front() : controllers_.front();
    for (const ProducerSpec& p : scenario.producers) clients_.push_back(nodes_.at(p.id));
    for (const ConsumerSpec& c : scenario.consumers) clients_.push_back(nodes_.at(c.id));
    for (const AdminSpec& a : scenario.admins) clients_.push_back(nodes_.at(a.id));
    for (const NodeSpec& n : scenario.cluster.nodes) places_[n.name] = n;
}

void Roles::on_probe(MonoTime, NodeId node, const probe::Event& event) {
    if (const auto* l = std::get_if<probe::LeaderChanged>(&event))
        leaders_[l->partition] = l->leader;
    if (const auto* c = std::get_if<probe::ControllerActive>(&event); c && c->epoch >= reign_) {
        reign_ = c->epoch;
        controller_ = node;
    }
}

std::vector<NodeId> Roles::resolve(const std::vector<std::string>& selectors, Rng draw) const {
    std::vector<NodeId> out;
    for (const std::string& text : selectors) {
        std::string why;
        const auto s = parse_selector(text, why);
        FL_ASSERT(s);
        add(*s, draw, out);
    }
    std::ranges::sort(out);
    const auto twice = std::ranges::unique(out);
    out.erase(twice.begin(), twice.end());
    return out;
}

void Roles::add(const Selector& s, Rng& draw, std::vector<NodeId>& out) const {
    const auto take = [&](const std::vector<NodeId>& from) {
        out.insert(out.end(), from.begin(), from.end());
    };
    switch (s.part) {
        case Part::name: out.push_back(nodes_.at(s.name)); return;
        case Part::leader:
        case Part::follower:
        case Part::followers: return add_partition(s, out);
        case Part::controller: out.push_back(controller_); return;
        case Part::standby: return add_standby(s, out);
        case Part::any: out.push_back(brokers_[draw.below(brokers_.size())]); return;
        case Part::all: take(controllers_); return take(brokers_);
        case Part::brokers: return take(brokers_);
        case Part::clients: return take(clients_);
        case Part::majority:
        case Part::minority: {
            std::vector<NodeId> order = brokers_;
            for (std::size_t i = order.size(); i > 1; --i)
                std::swap(order[i - 1], order[draw.below(i)]);
            const auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2 + 1);
            return take(s.part == Part::majority ? std::vector(order.begin(), middle)
                                                 : std::vector(middle, order.end()));
        }
        case Part::rack:
        case Part::dc: return add_place(s, out);
        case Part::count_: break;
    }
    FL_UNREACHABLE();
}

void Roles::add_standby(const Selector& s, std::vector<NodeId>& out) const {
    // Without nodes of its own the quorum is the first three brokers.
    std::vector<NodeId> quorum = controllers_;
    if (quorum.empty())
        quorum.assign(brokers_.begin(),
                      brokers_.begin() + std::min<std::ptrdiff_t>(3, std::ssize(brokers_)));
    std::erase(quorum, controller_);
    if (std::cmp_less(s.index, quorum.size()))
        out.push_back(quorum[static_cast<std::size_t>(s.index)]);
}

void Roles::add_place(const Selector& s, std::vector<NodeId>& out) const {
    for (const auto& [name, place] : places_) {
        if ((s.part == Part::rack ? place.rack : place.dc) == s.name)
            out.push_back(nodes_.at(name));
    }
}

void Roles::add_partition(const Selector& s, std::vector<NodeId>& out) const {
    const std::string name = fmt::format("{}-{}", s.name, s.partition);
    NodeId leader{0};
    for (const auto& [key, node] : leaders_) {
        if (recorder_.partition_name(key) == name) leader = node;
    }
    if (s.part == Part::leader) {
        if (leader.v > 0) out.push_back(leader);
        return;
    }
    std::vector<NodeId> others;
    std::ranges::copy_if(brokers_, std::back_inserter(others),
                         [&](NodeId n) { return n != leader; });
    if (s.part == Part::followers) out.insert(out.end(), others.begin(), others.end());
    if (s.part == Part::follower && std::cmp_less(s.index, others.size())) {
        out.push_back(others[static_cast<std::size_t>(s.index)]);
    }
}
}  // namespace faultline::sim
