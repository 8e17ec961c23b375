// Names that refer to other parts of a scenario.
#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.h"
#include "core/env/sites.h"
#include "sim/scenario/describe.h"
#include "sim/scenario/selector.h"

namespace faultline::sim {
namespace {

using Names = std::set<std::string>;

std::string not_there(const std::string& what, const std::string& name, const Names& known) {
    const std::vector<std::string_view> words(known.begin(), known.end());
    const std::string_view near = nearest_word(name, words);
    return fmt::format("no {} \"{}\"{}; there {} {}", what, name,
                       near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near),
                       known.size() == 1 ? "is" : "are",
                       known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")));
}

class Checker {
public:
    explicit Checker(const Scenario& s) : s_(s) {
        for (int i = 1; i <= s.cluster.brokers; ++i) nodes_.insert(fmt::format("n{}", i));
        for (int i = 1; i <= s.cluster.controllers; ++i) controllers_.insert(fmt::format("c{}", i));
        nodes_.insert(controllers_.begin(), controllers_.end());
    }

    std::optional<BadReference> run() {
        topics();
        clients();
        node_entries();
        for (std::size_t i = 0; i < s_.network.links.size(); ++i) {
            const std::string at = fmt::format("/network/links/{}", i);
            selectors(at + "/from", s_.network.links[i].from);
            selectors(at + "/to", s_.network.links[i].to);
        }
        faults();
        selectors("/liveness/core", s_.liveness.core);
        random();
        Names sites;
        for (const probe::SiteInfo& site : probe::kSites) sites.insert(std::string(site.name));
        for (const std::string& site : s_.expect.reached) {
            if (!sites.contains(site)) bad("/expect/reached", not_there("site", site, sites));
        }
        for (const std::string& id : s_.expect.vacuous) {
            if (id != "*" && !faults_.contains(id))
                bad("/expect/vacuous", not_there("fault", id, faults_));
        }
        return bad_;
    }

private:
    void bad(const std::string& pointer, const std::string& what) {
        if (!bad_) bad_ = BadReference{pointer, what};
    }

    void topics() {
        for (std::size_t i = 0; i < s_.cluster.topics.size(); ++i) {
            const std::string& name = s_.cluster.topics[i].name;
            if (!topics_.insert(name).second)
                bad(fmt::format("/cluster/topics/{}/name", i),
                    fmt::format("names topic \"{}\" twice", name));
        }
    }

    void client(const std::string& id, const char* member, std::size_t before) {
        if (!nodes_.insert(id).second && !bad_)
            bad_ = BadReference{"/workload", fmt::format("uses the id \"{}\" twice", id), member,
                                before};
    }

    template <class Spec>
    void clients_of(const std::vector<Spec>& clients, const char* member) {
        for (std::size_t i = 0; i < clients.size(); ++i) {
            client(clients[i].id, member, i);
            if (topics_.contains(clients[i].topic) || bad_) continue;
            bad_ =
                BadReference{"/workload", not_there("topic", clients[i].topic, topics_), member, i};
        }
    }

    void clients() {
        clients_of(s_.producers, "producer");
        clients_of(s_.consumers, "consumer");
        for (std::size_t i = 0; i < s_.admins.size(); ++i) client(s_.admins[i].id, "admin", i);
    }

    void node_entries() {
        for (std::size_t i = 0; i < s_.cluster.nodes.size(); ++i) {
            const NodeSpec& n = s_.cluster.nodes[i];
            if (!nodes_.contains(n.name))
                bad(fmt::format("/cluster/nodes/{}/name", i), not_there("node", n.name, nodes_));
            racks_.insert(n.rack);
            dcs_.insert(n.dc);
        }
    }

    void selectors(const std::string& pointer, const std::vector<std::string>& texts) {
        if (texts.empty()) bad(pointer, "names nobody; must be a selector, or several");
        for (const std::string& text : texts) {
            std::string why;
            const auto s = parse_selector(text, why);
            if (!s) {
                bad(pointer, why);
                return;
            }
            using Part = Selector::Part;
            if (s->part == Part::name && !nodes_.contains(s->name))
                bad(pointer, not_there("node", s->name, nodes_));
            if (s->part == Part::rack && !racks_.contains(s->name))
                bad(pointer, not_there("rack", s->name, racks_));
            if (s->part == Part::dc && !dcs_.contains(s->name))
                bad(pointer, not_there("data centre", s->name, dcs_));
            const bool of_topic =
                s->part == Part::leader || s->part == Part::follower || s->part == Part::followers;
            if (of_topic) partition(pointer, s->name, s->partition);
        }
    }

    void partition(const std::string& pointer, const std::string& topic, std::int32_t index) {
        const auto it = std::ranges::find(s_.cluster.topics, topic, &TopicSpec::name);
        if (it == s_.cluster.topics.end()) return bad(pointer, not_there("topic", topic, topics_));
        if (index >= it->partitions) {
            bad(pointer, fmt::format("topic \"{}\" has no partition {}; it has {}", topic, index,
                                     it->partitions));
        }
    }

    void faults() {
        for (const FaultSpec& f : s_.faults) {
            if (!faults_.insert(f.id).second)
                bad("/faults", fmt::format("uses the id \"{}\" twice", f.id));
        }
        for (std::size_t i = 0; i < s_.faults.size(); ++i) {
            const FaultSpec& f = s_.faults[i];
            const std::string at = fmt::format("/faults/{}", i);
            selectors(at + "/node", f.nodes);
            selectors(at + "/from", f.from);
            if (!f.to.empty()) selectors(at + "/to", f.to);
            trigger(at + "/when", f);
            if (info(f.kind).group != FaultClass::operation) continue;
            if (changes_voters(f.kind)) {
                voters_change(at + "/node", f);
                continue;
            }
            partition_text(at + "/partition", f.partition);
            for (const std::string& replica : f.replicas) {
                if (!nodes_.contains(replica) || !replica.starts_with('n'))
                    bad(at + "/replicas", not_there("broker", replica, nodes_));
            }
        }
    }

    void voters_change(const std::string& at, const FaultSpec& f) {
        if (s_.cluster.voters == 0) bad(at, "can change nothing; needs /cluster/voters");
        using Part = Selector::Part;
        for (const std::string& text : f.nodes) {
            std::string why;
            const auto s = parse_selector(text, why);
            if (!s) return;  // selectors() has said so
            const bool controller = s->part == Part::controller || s->part == Part::standby ||
                                    (s->part == Part::name && controllers_.contains(s->name));
            if (!controller) bad(at, not_there("controller", text, controllers_));
        }
    }

    // "orders/0"
    void partition_text(const std::string& at, const std::string& text) {
        const auto slash = text.rfind('/');
        std::int32_t index = -1;
        if (slash != std::string::npos) {
            const char* end = text.data() + text.size();
            const auto [p, e] = std::from_chars(text.data() + slash + 1, end, index);
            if (e != std::errc{} || p != end) index = -1;
        }
        if (index < 0) return bad(at, "must be written TOPIC/PARTITION, as orders/0");
        partition(at, text.substr(0, slash), index);
    }

    void trigger(const std::string& at, const FaultSpec& f) {
        if (f.when.kind == Trigger::Kind::after) {
            if (!faults_.contains(f.when.after))
                bad(at + "/after", not_there("fault", f.when.after, faults_));
            if (f.when.after == f.id)
                bad(at + "/after", "names the fault itself; must be another one");
        }
        if (f.when.kind != Trigger::Kind::event) return;
        if (!f.when.on.empty()) selectors(at + "/on", f.when.on);
        if (f.when.partition.empty()) return;
        partition_text(at + "/partition", f.when.partition);
    }

    void random() {
        Names words;
        for (const FaultInfo& i : fault_kinds()) words.insert(std::string(i.word));
        for (const FaultInfo& i : fault_kinds()) words.insert(std::string(to_string(i.group)));
        const std::pair<const char*, const std::vector<std::string>&> lists[] = {
            {"/random/kinds", s_.random.kinds},
            {"/random/except", s_.random.except},
            {"/random/always", s_.random.always}};
        for (const auto& [where, list] : lists) {
            for (const std::string& word : list) {
                if (!words.contains(word)) bad(where, not_there("fault", word, words));
            }
        }
        aims("/random/nodes", s_.random.nodes);
        aims("/random/to", s_.random.to);
        const Names events(event_words().begin(), event_words().end());
        for (const std::string& event : s_.random.events) {
            if (!events.contains(event)) bad("/random/events", not_there("event", event, events));
        }
    }

    // Selectors by kind of fault, for the faults that are drawn.
    void aims(const std::string& list, const std::map<std::string, std::string>& by_kind) {
        for (const auto& [kind, selector] : by_kind) {
            const std::string at = list + "/" + kind;
            const auto known = std::ranges::find(fault_kinds(), kind, &FaultInfo::word);
            const auto& drawn = s_.random.kinds;
            if (known == fault_kinds().end() || std::ranges::find(drawn, kind) == drawn.end()) {
                bad(at, "is none of the faults that /random/kinds names");
            } else if (known->group == FaultClass::operation) {
                bad(at, "strikes nodes of its own choice");
            } else if (list == "/random/to" && !between_nodes(known->kind)) {
                bad(at, "is no fault between nodes; /random/nodes says who is struck");
            }
            selectors(at, {selector});
        }
    }

    const Scenario& s_;
    Names topics_, nodes_, controllers_, racks_, dcs_, faults_;
    std::optional<BadReference> bad_;
};
}  // namespace

std::optional<BadReference> bad_reference(const Scenario& scenario) {
    return Checker(scenario).run();
}
}  // namespace faultline::sim
