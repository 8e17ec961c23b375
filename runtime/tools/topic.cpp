#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/client/admin.h"
#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct TopicOptions {
    Target target;
    std::string name;
    std::int32_t partitions = -1;
    std::int16_t replicas = -1;
    std::vector<std::string> configs, defaults;
    bool json = false, internal = false;
};

int create(const TopicOptions& o) {
    client::NewTopic topic{o.name, o.partitions, o.replicas, {}};
    for (const std::string& text : o.configs) {
        const auto pair = parse_pair("--config", text);
        if (!pair) return kBadInput;
        topic.configs[pair->name] = *pair->value;
    }
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const int code = settle(fmt::format("topic create {}", o.name),
                                    admin.create_topic(topic, deadline, stop), o.target);
            if (code == kOk) fmt::print("created {}\n", o.name);
            return code;
        });
}

int remove(const TopicOptions& o) {
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const int code = settle(fmt::format("topic delete {}", o.name),
                                    admin.delete_topic(o.name, deadline, stop), o.target);
            if (code == kOk) fmt::print("deleted {}\n", o.name);
            return code;
        });
}

int alter(const TopicOptions& o) {
    std::vector<client::ConfigChange> changes;
    for (const std::string& text : o.configs) {
        auto pair = parse_pair("--config", text);
        if (!pair) return kBadInput;
        changes.push_back(*std::move(pair));
    }
    for (const std::string& key : o.defaults) changes.push_back({key, std::nullopt});
    if (changes.empty() && o.partitions < 0) {
        return bad_input(fmt::format(
            "faultline: topic alter {}: nothing to do; give --partitions, --config or --default",
            o.name));
    }
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const std::string what = fmt::format("topic alter {}", o.name);
            if (!changes.empty()) {
                const int code =
                    settle(what,
                           admin.alter_configs({client::ConfigResource::Kind::topic, o.name},
                                               changes, deadline, stop),
                           o.target);
                if (code != kOk) return code;
            }
            if (o.partitions >= 0) {
                const int code = settle(
                    what, admin.create_partitions(o.name, o.partitions, deadline, stop), o.target);
                if (code != kOk) return code;
            }
            fmt::print("altered {}\n", o.name);
            return kOk;
        });
}

nlohmann::ordered_json to_json(const std::string& name, const client::TopicInfo& topic) {
    nlohmann::ordered_json out = {{"topic", name}, {"id", to_string(topic.id)}};
    auto& partitions = out["partitions"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
        const auto& p = topic.partitions[i];
        partitions.push_back({{"partition", i},
                              {"leader", p.leader},
                              {"epoch", p.leader_epoch},
                              {"replicas", p.replicas},
                              {"isr", p.isr}});
    }
    return out;
}

int list(const TopicOptions& o) {
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const auto view = admin.describe(deadline, stop);
            if (!view.ok()) return complain("topic list", view.error(), o.target);
            auto all = nlohmann::ordered_json::array();
            for (const auto& [name, topic] : (*view)->topics()) {
                if (topic.internal && !o.internal) continue;
                if (o.json) {
                    all.push_back(to_json(name, topic));
                } else {
                    fmt::print("{:<40} {} partition{}\n", name, topic.partitions.size(),
                               topic.partitions.size() == 1 ? "" : "s");
                }
            }
            if (o.json) fmt::print("{}\n", all.dump());
            return kOk;
        });
}

int describe(const TopicOptions& o) {
    return with_admin(o.target, [&](client::Admin& admin, Deadline deadline,
                                    fiber::StopToken stop) {
        const std::string what = fmt::format("topic describe {}", o.name);
        const auto asked = admin.cluster().refresh(o.name, deadline, stop);
        if (!asked.ok()) return complain(what, asked.error(), o.target);
        const client::TopicInfo* topic = admin.cluster().view().topic(o.name);
        if (topic == nullptr || topic->error != wire::KafkaError::none) {
            return complain(
                what,
                topic == nullptr ? wire::KafkaError::unknown_topic_or_partition : topic->error, "");
        }
        if (o.json) {
            fmt::print("{}\n", to_json(o.name, *topic).dump());
            return kOk;
        }
        fmt::print("{} id {} partitions {}\n", o.name, to_string(topic->id),
                   topic->partitions.size());
        for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
            const auto& p = topic->partitions[i];
            fmt::print("  {:>4}  leader {}  epoch {}  replicas {}  isr {}\n", i, p.leader,
                       p.leader_epoch, fmt::join(p.replicas, ","), fmt::join(p.isr, ","));
        }
        return kOk;
    });
}
}  // namespace

void add_topic(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* topic =
        app.add_subcommand("topic",
                           "Example:  faultline topic create orders --partitions 3\n\n"
                           "Creates, lists, describes, alters and deletes topics.");
    topic->require_subcommand(1);
    const auto add = [&](const char* name, const char* help, bool named, auto run) {
        CLI::App* sub = topic->add_subcommand(name, help);
        auto o = std::make_shared<TopicOptions>();
        if (named) sub->add_option("name", o->name, "the topic")->required();
        add_target(*sub, o->target);
        commands.push_back({sub, [o, run] { return run(*o); }});
        return std::pair{sub, o};
    };
    const auto [made, c] =
        add("create",
            "Example:  faultline topic create orders --partitions 3 --config retention.ms=60000",
            true, create);
    made->add_option("--partitions", c->partitions, "how many; else the broker's default");
    made->add_option("--replicas,--replication-factor", c->replicas,
                     "copies of each; else the broker's default");
    made->add_option("--config", c->configs, "KEY=VALUE, may be given again");
    const auto [listed, l] = add("list", "Example:  faultline topic list --json", false, list);
    listed->add_flag("--json", l->json, "for programs");
    listed->add_flag("--internal", l->internal, "also the cluster's own topics");
    const auto [described, d] =
        add("describe", "Example:  faultline topic describe orders", true, describe);
    described->add_flag("--json", d->json, "for programs");
    const auto [altered, a] =
        add("alter",
            "Example:  faultline topic alter orders --partitions 6 --config retention.ms=60000\n\n"
            "Adds partitions and changes configuration.",
            true, alter);
    altered->add_option("--partitions", a->partitions, "so many in all; never fewer than before")
        ->check(CLI::PositiveNumber);
    altered->add_option("--config", a->configs, "KEY=VALUE, may be given again");
    altered->add_option("--default", a->defaults, "KEY back to its default, may be given again");
    add("delete", "Example:  faultline topic delete orders", true, remove);
}
}  // namespace faultline::tools
