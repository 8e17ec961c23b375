// faultline storage: what Kafka's kafka-storage does. Formatting gives directories the id of their
// cluster, and a first controller the voters of the quorum (KIP-853).
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/controller/quorum_log.h"
#include "core/controller/snapshot_store.h"
#include "core/storage/checkpoint_file.h"
#include "runtime/config/node_settings.h"
#include "runtime/posix/node.h"
#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct FormatOptions {
    std::string config, cluster, initial;
    bool standalone = false, none = false, ignore_formatted = false;
};

struct Node {
    config::NodeSettings settings;
    std::string problem;  // "" when the settings are good
};

Node read_node(const std::string& file) {
    Node node;
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        node.problem = fmt::format("{}: cannot be read; Kafka's server.properties", file);
        return node;
    }
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    int bad_line = 0;
    const auto properties = config::parse_properties(text, &bad_line);
    if (!properties.ok()) {
        node.problem = fmt::format("{}:{}: a \\u escape is malformed", file, bad_line);
        return node;
    }
    config::Settings settings;
    settings.add(file, *properties);
    auto problems = settings.check();
    if (problems.empty()) node.settings = config::read_node_settings(settings, problems);
    if (!problems.empty()) node.problem = config::to_string(problems.front());
    return node;
}

Uuid draw_uuid(Env& env) {
    Uuid id;
    id.hi = env.rng.next();
    id.lo = env.rng.next();
    return id;
}

// "ID@HOST:PORT:DIRECTORY", as Kafka's tool takes it.
struct InitialController {
    logic::raft::ReplicaKey key;
    Endpoint at;
};
std::optional<InitialController> parse_initial(std::string_view text) {
    const auto sign = text.find('@'), last = text.rfind(':');
    if (sign == std::string_view::npos || last == std::string_view::npos || last < sign) return {};
    InitialController c;
    const auto [end, error] = std::from_chars(text.data(), text.data() + sign, c.key.id.v);
    if (error != std::errc{} || end != text.data() + sign || c.key.id.v < 0) return {};
    const auto url = config::parse_listener("CONTROLLER://" +
                                            std::string(text.substr(sign + 1, last - sign - 1)));
    if (!url || url->endpoint.host.empty()) return {};
    if (!parse_uuid(text.substr(last + 1), c.key.directory) || c.key.directory.is_zero()) return {};
    c.at = url->endpoint;
    return c;
}

// Of --initial-controllers; the message when one of them is none.
std::string parse_initials(const std::string& text, std::vector<InitialController>& out) {
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string word = text.substr(at, comma - at);
        const auto one = parse_initial(word);
        if (!one) {
            return fmt::format(
                "--initial-controllers: \"{}\" is no controller; ID@HOST:PORT:DIRECTORY-ID", word);
        }
        const bool twice = std::ranges::any_of(
            out, [&](const InitialController& c) { return c.key.id == one->key.id; });
        if (twice) return fmt::format("--initial-controllers names node {} twice", one->key.id.v);
        out.push_back(*one);
        at = comma + 1;
    }
    return "";
}

// What contradicts itself in the options, or the settings; "" when nothing does.
std::string refuse(const FormatOptions& o, const config::NodeSettings& node) {
    const int given = (o.standalone ? 1 : 0) + (o.none ? 1 : 0) + (o.initial.empty() ? 0 : 1);
    if (given > 1)
        return "--standalone, --initial-controllers and --no-initial-controllers exclude each "
               "other";
    if (!node.voters.empty() && given > 0)
        return "controller.quorum.voters is set: the voters stand in the configuration; leave it "
               "out to have them in the metadata log";
    if (!node.is_controller && (o.standalone || !o.initial.empty()))
        return "process.roles has no controller: only a controller can be a voter";
    const bool in_log = node.voters.empty() && !node.quorum_bootstrap.empty();
    if (node.is_controller && in_log && given == 0)
        return "a controller without controller.quorum.voters needs one of --standalone, "
               "--initial-controllers and --no-initial-controllers";
    if (o.standalone && !node.controller_advertised)
        return "--standalone: the configuration does not say where this controller listens; set "
               "controller.quorum.bootstrap.servers and a listener of controller.listener.names";
    return "";
}

class Formatter {
public:
    Formatter(Env& env, const FormatOptions& options, const config::NodeSettings& node,
              const Uuid& cluster)
        : env_(env), options_(options), node_(node), cluster_(cluster) {}

    int run() {
        std::vector<InitialController> initial;
        if (!options_.initial.empty()) {
            if (const auto why = parse_initials(options_.initial, initial); !why.empty())
                return bad_input("faultline storage format: " + why);
            const auto own =
                std::ranges::find(initial, node_.node, [](const auto& c) { return c.key.id; });
            if (own == initial.end())
                return bad_input(fmt::format(
                    "faultline storage format: --initial-controllers does not name node {}",
                    node_.node.v));
            first_directory_ = own->key.directory;
        } else {
            first_directory_ = draw_uuid(env_);
        }
        if (options_.standalone)
            initial.push_back({{node_.node, first_directory_}, *node_.controller_advertised});
        for (std::size_t i = 0; i < node_.log_dirs.size(); ++i) {
            const auto done = format(i, initial);
            if (!done.ok()) {
                fmt::print(stderr, "faultline storage format: {}: {}\n", node_.log_dirs[i],
                           done.code() == Errc::exists
                               ? "is formatted already; --ignore-formatted leaves it as it is"
                               : to_string(done.error()));
                return kFailed;
            }
        }
        return kOk;
    }

private:
    Result<void> format(std::size_t index, const std::vector<InitialController>& initial) {
        const std::string& dir = node_.log_dirs[index];
        const std::string meta = dir + "/meta.properties";
        if (env_.disk.open(meta, OpenMode::read).ok()) {
            if (!options_.ignore_formatted) return Error{Errc::exists, 0, "storage.format"};
            fmt::print("{} is formatted already.\n", dir);
            return {};
        }
        FL_CHECK(create_dirs(env_.disk, dir));
        // The directory counts as formatted when everything else is in it.
        if (index == 0 && !initial.empty()) FL_CHECK(write_voters(dir, initial));
        const Uuid id = index == 0 ? first_directory_ : draw_uuid(env_);
        FL_CHECK(
            storage::write_text(env_.disk, meta, storage::print_meta({cluster_, node_.node, id})));
        fmt::print("Formatted {} for node {} of cluster {}, directory {}.\n", dir, node_.node.v,
                   to_string(cluster_), to_string(id));
        return {};
    }

    Result<void> write_voters(const std::string& dir, const std::vector<InitialController>& all) {
        const std::string path =
            dir + "/" +
            storage::partition_dir({std::string(controller::kMetadataTopic), PartitionIndex{0}});
        FL_CHECK(create_dirs(env_.disk, path));
        FL_CHECK(
            storage::write_text(env_.disk, path + "/partition.metadata",
                                storage::print_partition_metadata(controller::kMetadataTopicId)));
        controller::MetadataSnapshot snapshot;
        std::vector<logic::raft::ReplicaKey> keys;
        std::map<NodeId, logic::raft::VoterAddresses> addresses;
        for (const InitialController& c : all) {
            keys.push_back(c.key);
            addresses[c.key.id] = {{node_.controller_listener, c.at.host, c.at.port}};
        }
        snapshot.voters = logic::raft::VoterSet(std::move(keys), std::move(addresses));
        snapshot.last_timestamp_ms = env_.clock.wall().ms;
        controller::SnapshotStore store(env_.disk);
        FL_CHECK(store.open(path));
        return store.save(snapshot, env_.clock.wall());
    }

    Env& env_;
    const FormatOptions& options_;
    const config::NodeSettings& node_;
    Uuid cluster_, first_directory_;
};

int format(const FormatOptions& options) {
    const Node node = read_node(options.config);
    if (!node.problem.empty()) return bad_input("faultline: " + node.problem);
    Uuid cluster;
    if (!parse_uuid(options.cluster, cluster) || cluster.is_zero()) {
        return bad_input(fmt::format(
            "faultline storage format: --cluster-id: \"{}\" is no id; 22 characters, as "
            "`faultline storage random-uuid` prints",
            options.cluster));
    }
    if (const auto why = refuse(options, node.settings); !why.empty())
        return bad_input("faultline storage format: " + why);
    return posix::run_client([&](Env& env, fiber::StopToken) {
        return Formatter(env, options, node.settings, cluster).run();
    });
}

// One line for each directory, and what is wrong with it.
int info(const std::string& file) {
    const Node node = read_node(file);
    if (!node.problem.empty()) return bad_input("faultline: " + node.problem);
    return posix::run_client([&](Env& env, fiber::StopToken) {
        constexpr std::size_t kLimit = 1U << 16;
        int code = kOk;
        std::optional<Uuid> cluster;
        for (const std::string& dir : node.settings.log_dirs) {
            const auto text = read_file(env.disk, dir + "/meta.properties", kLimit);
            if (!text.ok()) {
                fmt::print(
                    "{}: {}\n", dir,
                    text.code() == Errc::not_found ? "not formatted" : to_string(text.error()));
                code = kFailed;
                continue;
            }
            const auto meta = storage::parse_meta(text->copy_string());
            if (!meta) {
                fmt::print("{}: meta.properties is not readable\n", dir);
                code = kFailed;
                continue;
            }
            fmt::print("{}: cluster.id={} node.id={} directory.id={}\n", dir,
                       to_string(meta->cluster_id), meta->node.v, to_string(meta->directory_id));
            if (meta->node != node.settings.node) {
                fmt::print("  is of another node than {} in {}\n", node.settings.node.v, file);
                code = kFailed;
            }
            if (cluster && *cluster != meta->cluster_id) {
                fmt::print("  is of another cluster than the directories before\n");
                code = kFailed;
            }
            cluster = meta->cluster_id;
        }
        return code;
    });
}
}  // namespace

void add_storage(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* storage = app.add_subcommand(
        "storage",
        "Example:  faultline storage format --config server.properties --cluster-id $(faultline "
        "storage random-uuid) --standalone\n\nPrepares the directories of a node.");
    storage->require_subcommand(1);

    CLI::App* sub = storage->add_subcommand(
        "format",
        "Example:  faultline storage format -c server.properties -t 4L6g3nShT-eMCtK--X86sw "
        "--standalone\n\nGives the directories of log.dirs the id of their cluster.");
    auto o = std::make_shared<FormatOptions>();
    sub->add_option("-c,--config", o->config, "Kafka's server.properties")->required();
    sub->add_option("-t,--cluster-id", o->cluster, "of the cluster, the same for all its nodes")
        ->required();
    sub->add_flag("-s,--standalone", o->standalone, "this controller is the only voter at first");
    sub->add_option("-I,--initial-controllers", o->initial,
                    "the first voters, as ID@HOST:PORT:DIRECTORY-ID,...");
    sub->add_flag("-N,--no-initial-controllers", o->none, "this controller is added later");
    sub->add_flag("-g,--ignore-formatted", o->ignore_formatted, "leave formatted directories be");
    commands.push_back({sub, [o] { return format(*o); }});

    CLI::App* look =
        storage->add_subcommand("info",
                                "Example:  faultline storage info --config server.properties\n\n"
                                "Says how the directories are formatted. Exit 1 where one is not.");
    auto file = std::make_shared<std::string>();
    look->add_option("-c,--config", *file, "Kafka's server.properties")->required();
    commands.push_back({look, [file] { return info(*file); }});

    CLI::App* draw = storage->add_subcommand(
        "random-uuid", "Example:  faultline storage random-uuid\n\nPrints an id that nobody has.");
    commands.push_back({draw, [] {
                            return posix::run_client([](Env& env, fiber::StopToken) {
                                fmt::print("{}\n", to_string(draw_uuid(env)));
                                return kOk;
                            });
                        }});
}
}  // namespace faultline::tools
