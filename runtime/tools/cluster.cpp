#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct ClusterOptions {
    Target target;
    bool json = false;
};

using Replicas = std::vector<client::QuorumInfo::Replica>;

nlohmann::ordered_json to_json(const client::ClusterInfo& cluster,
                               const std::optional<client::QuorumInfo>& quorum) {
    nlohmann::ordered_json out = {{"cluster_id", cluster.id}, {"controller", cluster.controller}};
    auto& brokers = out["brokers"] = nlohmann::ordered_json::array();
    for (const auto& b : cluster.brokers) {
        nlohmann::ordered_json one = {{"id", b.node}, {"host", b.host}, {"port", b.port}};
        one["rack"] = b.rack ? nlohmann::ordered_json(*b.rack) : nlohmann::ordered_json(nullptr);
        one["fenced"] = b.fenced;
        brokers.push_back(std::move(one));
    }
    if (!quorum) {
        out["quorum"] = nullptr;
        return out;
    }
    const auto list = [](const Replicas& replicas) {
        auto all = nlohmann::ordered_json::array();
        for (const auto& r : replicas) all.push_back({{"id", r.node}, {"end", r.end}});
        return all;
    };
    out["quorum"] = {{"leader", quorum->leader},
                     {"epoch", quorum->epoch},
                     {"high_watermark", quorum->high_watermark},
                     {"voters", list(quorum->voters)},
                     {"observers", list(quorum->observers)}};
    return out;
}

void print_replicas(const char* role, const Replicas& replicas, std::int64_t high_watermark) {
    for (const auto& r : replicas) {
        const std::int64_t behind = high_watermark > r.end ? high_watermark - r.end : 0;
        fmt::print("  {} {:<4} log ends at {}{}\n", role, r.node, r.end,
                   r.end >= 0 && behind > 0 ? fmt::format(", {} behind", behind) : "");
    }
}

int info(const ClusterOptions& o) {
    return with_admin(
        o.target, [&](client::Admin& admin, Deadline deadline, fiber::StopToken stop) {
            const auto cluster = admin.describe_cluster(deadline, stop);
            if (!cluster.ok()) return complain("cluster info", cluster.error(), o.target);
            std::optional<client::QuorumInfo> quorum;
            const auto asked = admin.describe_quorum(deadline, stop);
            if (asked.ok() && asked->answer.ok()) quorum = *asked;
            if (o.json) {
                fmt::print("{}\n", to_json(*cluster, quorum).dump());
                return kOk;
            }
            fmt::print("cluster {}  controller {}\n", cluster->id, cluster->controller);
            for (const auto& b : cluster->brokers) {
                fmt::print("  broker {:<4} {}:{}{}{}\n", b.node, b.host, b.port,
                           b.rack ? "  rack " + *b.rack : "", b.fenced ? "  fenced" : "");
            }
            if (!quorum) {
                fmt::print("quorum: not told\n");
                return kOk;
            }
            fmt::print("quorum leader {}  epoch {}  high watermark {}\n", quorum->leader,
                       quorum->epoch, quorum->high_watermark);
            print_replicas("voter", quorum->voters, quorum->high_watermark);
            print_replicas("observer", quorum->observers, quorum->high_watermark);
            return kOk;
        });
}
}  // namespace

void add_cluster(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* cluster =
        app.add_subcommand("cluster",
                           "Example:  faultline cluster info --bootstrap broker1:9092\n\n"
                           "Shows brokers, controller and quorum.");
    cluster->require_subcommand(1);
    CLI::App* sub = cluster->add_subcommand(
        "info",
        "Example:  faultline cluster info --json\n\n"
        "Who is a broker, who is the controller, who keeps the metadata and how far each is.");
    auto o = std::make_shared<ClusterOptions>();
    add_target(*sub, o->target);
    sub->add_flag("--json", o->json, "for programs");
    commands.push_back({sub, [o] { return info(*o); }});
}
}  // namespace faultline::tools
