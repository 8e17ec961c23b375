#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

using client::ConfigResource;

struct ConfigOptions {
    Target target;
    std::string kind, name;
    std::vector<std::string> words;  // KEY=VALUE of set, KEY of delete
    bool json = false, all = false;
};

std::optional<ConfigResource> resource_of(const ConfigOptions& o) {
    if (o.kind == "topic") return ConfigResource{ConfigResource::Kind::topic, o.name};
    if (o.kind == "group") return ConfigResource{ConfigResource::Kind::group, o.name};
    if (o.kind == "client-metrics")
        return ConfigResource{ConfigResource::Kind::client_metrics, o.name};
    if (o.kind != "broker") {
        bad_input(fmt::format(
            "faultline: config: no kind \"{}\"; topic, broker, group or client-metrics", o.kind));
        return std::nullopt;
    }
    if (o.name == "default") return ConfigResource{ConfigResource::Kind::broker, ""};
    if (o.name.find_first_not_of("0123456789") != std::string::npos || o.name.size() > 9) {
        bad_input(fmt::format(
            "faultline: config: broker \"{}\": a broker's id, or default for all of them; "
            "`faultline cluster info` shows the ids",
            o.name));
        return std::nullopt;
    }
    return ConfigResource{ConfigResource::Kind::broker, o.name};
}

// As Kafka's tools name them.
std::string_view source_name(std::int8_t source) {
    switch (source) {
        case 1: return "topic";
        case 2: return "broker";
        case 3: return "all brokers";
        case 4: return "file";
        case 5: return "default";
        case 7: return "client metrics";
        case 8: return "group";
        default: return "other";
    }
}

// A broker's configuration is asked of the broker itself.
int no_such_broker(client::Admin& admin, const std::string& what, const std::string& name) {
    std::string ids;
    for (const auto& [id, info] : admin.cluster().view().brokers())
        ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id);
    fmt::print(stderr,
               "faultline: {}: there is no broker {}; alive are {}; default names all of them\n",
               what, name, ids.empty() ? "none" : ids);
    return kFailed;
}

bool is_missing_broker(const ConfigResource& resource, Errc why) {
    return resource.kind == ConfigResource::Kind::broker && !resource.name.empty() &&
           why == Errc::not_found;
}

void print_entry(const client::ConfigEntry& e) {
    const std::string value = e.sensitive ? "(hidden)" : e.value.value_or("(none)");
    fmt::print("{}={}{}\n", e.name, value,
               e.is_default() ? "" : fmt::format("  # {}", source_name(e.source)));
}

int describe(const ConfigOptions& o) {
    const auto resource = resource_of(o);
    if (!resource) return kBadInput;
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const std::string what = fmt::format("config describe {} {}", o.kind, o.name);
            const auto got = admin.describe_configs(*resource, deadline, stop);
            if (!got.ok() && is_missing_broker(*resource, got.code()))
                return no_such_broker(admin, what, o.name);
            if (!got.ok()) return complain(what, got.error(), o.target);
            if (!got->answer.ok()) return complain(what, got->answer.error, got->answer.message);
            auto all = nlohmann::ordered_json::array();
            for (const client::ConfigEntry& e : got->entries) {
                if (!o.all && e.is_default()) continue;
                if (!o.json) {
                    print_entry(e);
                    continue;
                }
                nlohmann::ordered_json one = {{"name", e.name}, {"value", nullptr}};
                if (e.value && !e.sensitive) one["value"] = *e.value;
                one["source"] = source_name(e.source);
                one["read_only"] = e.read_only;
                one["sensitive"] = e.sensitive;
                all.push_back(std::move(one));
            }
            if (o.json) fmt::print("{}\n", all.dump());
            return kOk;
        });
}

int change(const ConfigOptions& o, const std::string& verb,
           const std::vector<client::ConfigChange>& changes) {
    const auto resource = resource_of(o);
    if (!resource) return kBadInput;
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const std::string what = fmt::format("config {} {} {}", verb, o.kind, o.name);
            const auto answer = admin.alter_configs(*resource, changes, deadline, stop);
            if (!answer.ok() && is_missing_broker(*resource, answer.code()))
                return no_such_broker(admin, what, o.name);
            const int code = settle(what, answer, o.target);
            if (code == kOk)
                fmt::print("changed {} key{} of {} {}\n", changes.size(),
                           changes.size() == 1 ? "" : "s", o.kind, o.name);
            return code;
        });
}

int set(const ConfigOptions& o) {
    std::vector<client::ConfigChange> changes;
    for (const std::string& word : o.words) {
        auto pair = parse_pair("config set:", word);
        if (!pair) return kBadInput;
        changes.push_back(*std::move(pair));
    }
    return change(o, "set", changes);
}

int remove(const ConfigOptions& o) {
    std::vector<client::ConfigChange> changes;
    for (const std::string& word : o.words) {
        if (word.find('=') != std::string::npos) {
            return bad_input(fmt::format(
                "faultline: config delete: {}: a key alone; `faultline config set` sets one",
                word));
        }
        changes.push_back({word, std::nullopt});
    }
    return change(o, "delete", changes);
}
}  // namespace

void add_config(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* config =
        app.add_subcommand("config",
                           "Example:  faultline config set topic orders retention.ms=3600000\n\n"
                           "Shows and changes what is configured, without a restart.");
    config->require_subcommand(1);
    const auto add = [&](const char* name, const char* help, auto run) {
        CLI::App* sub = config->add_subcommand(name, help);
        auto o = std::make_shared<ConfigOptions>();
        sub->add_option("kind", o->kind, "topic or broker")->required();
        sub->add_option("name", o->name, "the topic, the broker's id, or default (all brokers)")
            ->required();
        add_target(*sub, o->target);
        commands.push_back({sub, [o, run] { return run(*o); }});
        return std::pair{sub, o};
    };
    const auto [shown, d] = add("describe",
                                "Example:  faultline config describe topic orders --all\n\n"
                                "Prints the keys that are set, or all of them.",
                                describe);
    shown->add_flag("--all", d->all, "also the keys that have their default");
    shown->add_flag("--json", d->json, "for programs");
    const auto [setting, s] = add(
        "set", "Example:  faultline config set topic orders retention.ms=3600000 segment.ms=60000",
        set);
    setting->add_option("pairs", s->words, "KEY=VALUE...")->required();
    const auto [removing, r] = add("delete",
                                   "Example:  faultline config delete topic orders retention.ms\n\n"
                                   "Sets keys back to their defaults.",
                                   remove);
    removing->add_option("keys", r->words, "KEY...")->required();
}
}  // namespace faultline::tools
