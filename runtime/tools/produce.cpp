#include <cerrno>
#include <cstring>
#include <filesystem>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/client/producer.h"
#include "runtime/events/event_rings.h"
#include "runtime/posix/node.h"
#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct ProduceOptions {
    Target target;
    std::string topic, key_delimiter, compression = "none", acks = "all";
    std::vector<std::string> headers;  // KEY=VALUE
    std::int32_t partition = -1;
    std::uint64_t records = 0, size = 100, rate = 0;
    bool json = false;
    std::string events;  // file
};

// A line of --json, taken apart. The strings are what `consume --json` printed them as.
struct JsonRecord {
    std::optional<std::string> key, value;
    std::vector<wire::RecordHeader> headers;
    std::optional<std::int64_t> timestamp;
};

bool take_text(const nlohmann::json& object, const char* name, std::optional<std::string>& out) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return true;
    if (!found->is_string()) return false;
    out = found->get<std::string>();
    return true;
}

bool take_headers(const nlohmann::json& object, std::vector<wire::RecordHeader>& out) {
    const auto found = object.find("headers");
    if (found == object.end()) return true;
    if (!found->is_array()) return false;
    for (const auto& pair : *found) {
        const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_string() &&
                          (pair[1].is_string() || pair[1].is_null());
        if (!good) return false;
        wire::RecordHeader& header = out.emplace_back();
        header.key = pair[0].get<std::string>();
        if (pair[1].is_string()) header.value = pair[1].get<std::string>();
    }
    return true;
}

std::optional<JsonRecord> parse_json(const std::string& line) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    JsonRecord out;
    if (!object.is_object() || !take_text(object, "key", out.key) ||
        !take_text(object, "value", out.value) || !take_headers(object, out.headers)) {
        return std::nullopt;
    }
    if (const auto time = object.find("timestamp"); time != object.end()) {
        if (!time->is_number_integer()) return std::nullopt;
        out.timestamp = time->get<std::int64_t>();
    }
    return out;
}

// Lines of stdin, without ever holding up the fibers.
class Lines {
public:
    Lines(Env& env, fiber::StopToken stop) : env_(env), stop_(stop) {}
    // Parks. Nothing at the end.
    std::optional<std::string> next() {
        while (true) {
            if (const auto end = buffer_.find('\n', at_); end != std::string::npos) {
                std::string line = buffer_.substr(at_, end - at_);
                at_ = end + 1;
                return line;
            }
            if (!more()) break;
        }
        if (at_ == buffer_.size()) return std::nullopt;
        std::string line = buffer_.substr(at_);
        at_ = buffer_.size();
        return line;
    }

private:
    bool more() {
        buffer_.erase(0, std::exchange(at_, 0));
        while (true) {
            pollfd input{STDIN_FILENO, POLLIN, 0};
            if (::poll(&input, 1, 0) > 0) break;
            const Deadline soon = env_.clock.in(std::chrono::milliseconds(2));
            if (env_.fibers.sleep_until(soon, stop_) == fiber::Wake::cancelled) return false;
        }
        char chunk[65536];
        const ssize_t n = ::read(STDIN_FILENO, chunk, sizeof chunk);
        if (n <= 0) return false;
        buffer_.append(chunk, static_cast<std::size_t>(n));
        return true;
    }
    Env& env_;
    fiber::StopToken stop_;
    std::string buffer_;
    std::size_t at_ = 0;
};

class Production {
public:
    Production(Env& env, fiber::StopToken stop, const ProduceOptions& options,
               std::vector<wire::RecordHeader> headers, client::ClientConfig client,
               client::ProducerConfig config)
        : env_(env),
          stop_(stop),
          options_(options),
          headers_(std::move(headers)),
          producer_(env, std::move(client), config,
                    [this](const client::Delivery& d) { count(d); }) {}

    int run() {
        const MonoTime start = told_ = env_.clock.now();
        const int code = options_.records > 0 ? generate(start) : read_lines();
        producer_.close(env_.clock.in(timeout_of(options_.target)));
        progress(true, start);
        if (failed_ > 0) {
            fmt::print(stderr,
                       "faultline: {} of {} records were not acknowledged ({}{}); produce them "
                       "again\n",
                       failed_, sent_, wire::to_string(first_error_),
                       maybe_ > 0 ? fmt::format("; {} of them may be in the log", maybe_) : "");
            return kFailed;
        }
        return code;
    }

private:
    void count(const client::Delivery& d) {
        const probe::Probe& probe = env_.probe;
        const auto record = static_cast<std::int64_t>(d.tag);
        if (d.error == wire::KafkaError::none) {
            ++acked_;
            probe.emit([&] {
                return probe::ProduceAcked{
                    probe.intern(options_.topic, PartitionIndex{d.partition}), 0, record, 1,
                    Offset{d.offset}};
            });
            return;
        }
        probe.emit([&] {
            return probe::ProduceFailed{probe.intern(options_.topic, PartitionIndex{d.partition}),
                                        0,
                                        record,
                                        1,
                                        static_cast<std::int16_t>(d.error),
                                        d.maybe_written};
        });
        if (failed_++ == 0) first_error_ = d.error;
        maybe_ += d.maybe_written ? 1 : 0;
    }

    // `record` has its key, value, and what else the line says of it.
    int send(client::OutRecord record) {
        record.topic = options_.topic;
        if (options_.partition >= 0) record.partition = options_.partition;
        record.headers.insert(record.headers.end(), headers_.begin(), headers_.end());
        record.tag = sent_;
        const auto taken =
            producer_.send(record, env_.clock.in(timeout_of(options_.target)), stop_);
        if (!taken.ok()) {
            return complain(fmt::format("produce {}", options_.topic), taken.error(),
                            options_.target);
        }
        ++sent_;
        return kOk;
    }

    int send_line(const std::string& line) {
        client::OutRecord record;
        std::string_view value = line;
        if (const auto& delimiter = options_.key_delimiter; !delimiter.empty()) {
            const auto at = value.find(delimiter);
            if (at != std::string_view::npos) {
                record.key = as_bytes(value.substr(0, at));
                value.remove_prefix(at + delimiter.size());
            }
        }
        record.value = as_bytes(value);
        return send(std::move(record));
    }

    int send_json(const std::string& line) {
        const auto parsed = parse_json(line);
        if (!parsed) {
            return bad_input(fmt::format(
                "faultline: line {} of the input: not an object with key, value, headers, "
                "timestamp, as `faultline consume --json` prints",
                sent_ + 1));
        }
        client::OutRecord record;
        if (parsed->key) record.key = as_bytes(*parsed->key);
        if (parsed->value) record.value = as_bytes(*parsed->value);
        record.headers = parsed->headers;
        record.timestamp = parsed->timestamp;
        return send(std::move(record));
    }

    int read_lines() {
        const MonoTime start = env_.clock.now();
        Lines lines(env_, stop_);
        while (const auto line = lines.next()) {
            const int code = options_.json ? send_json(*line) : send_line(*line);
            if (code != kOk) return code;
            pace(start);
        }
        return kOk;
    }

    // Record n is "n" padded with letters that follow from n, so that a reader can check it.
    int generate(MonoTime start) {
        std::string value;
        for (std::uint64_t n = 0; n < options_.records && !stop_.stop_requested(); ++n) {
            value = fmt::format("{:012} ", n);
            for (std::uint64_t x = n; value.size() < options_.size;) {
                x = mix64(x);
                for (int i = 0; i < 8; ++i) value += static_cast<char>('a' + (x >> (8 * i)) % 26);
            }
            value.resize(options_.size);
            client::OutRecord record;
            record.value = as_bytes(value);
            if (const int code = send(std::move(record)); code != kOk) return code;
            pace(start);
        }
        return kOk;
    }

    // Keeps to --rate, lets the other fibers work, tells how far it is.
    void pace(MonoTime start) {
        if (options_.rate > 0) {
            const auto due = Duration{static_cast<std::int64_t>(
                static_cast<double>(sent_) * 1e9 / static_cast<double>(options_.rate))};
            if (start + due > env_.clock.now()) {
                (void)env_.fibers.sleep_until({start + due}, stop_);
            }
        }
        if (sent_ % 512 == 0) {
            env_.fibers.yield();
            progress(false, start);
        }
    }

    void progress(bool last, MonoTime start) {
        const bool terminal = ::isatty(STDERR_FILENO) == 1;
        const MonoTime now = env_.clock.now();
        const Duration every = terminal ? std::chrono::milliseconds(200) : std::chrono::seconds(5);
        if (!last && now - told_ < every) return;
        told_ = now;
        const double seconds = std::max(1e-3, static_cast<double>((now - start).count()) / 1e9);
        fmt::print(stderr, "{}{} records acknowledged, {} records/s{}", terminal ? "\r" : "",
                   grouped(acked_),
                   grouped(static_cast<std::uint64_t>(static_cast<double>(acked_) / seconds)),
                   terminal && !last ? "" : "\n");
    }

    Env& env_;
    fiber::StopToken stop_;
    const ProduceOptions& options_;
    const std::vector<wire::RecordHeader> headers_;  // of every record
    std::uint64_t sent_ = 0, acked_ = 0, failed_ = 0, maybe_ = 0;
    wire::KafkaError first_error_ = wire::KafkaError::none;
    MonoTime told_{};
    client::Producer producer_;
};

int produce(const ProduceOptions& options) {
    auto client = client_config(options.target);
    if (!client) return kBadInput;
    client->allow_auto_create = true;
    client::ProducerConfig config;
    config.delivery_timeout = timeout_of(options.target);
    if (!wire::parse_codec(options.compression, config.codec)) {
        return bad_input(
            fmt::format("faultline: --compression {}: one of none, gzip, snappy, lz4, zstd",
                        options.compression));
    }
    if (options.acks == "all" || options.acks == "-1") {
        config.acks = -1;
    } else if (options.acks == "0" || options.acks == "1") {
        config.acks = options.acks == "1" ? 1 : 0;
        config.in_flight = 1;  // lines stay in their order, whatever is sent again
    } else {
        return bad_input(fmt::format("faultline: --acks {}: one of 0, 1, all", options.acks));
    }
    std::vector<wire::RecordHeader> headers;
    for (const std::string& text : options.headers) {
        auto pair = parse_pair("--header", text);
        if (!pair) return kBadInput;
        headers.push_back({pair->name, pair->value});
    }
    std::unique_ptr<events::EventRings> rings;
    if (!options.events.empty()) {
        auto opened =
            events::EventRings::open({.path = options.events,
                                      .node = NodeId{0},
                                      .name = std::filesystem::path(options.events).stem(),
                                      .role = "producer"});
        if (!opened.ok())
            return bad_input(fmt::format("faultline: --events {}: {}; a file that can be made",
                                         options.events, to_string(opened.error())));
        rings = *std::move(opened);
    }
    return posix::run_client(
        [&](Env& env, fiber::StopToken stop) {
            return Production(env, stop, options, headers, *client, config).run();
        },
        {}, [&](ShardId shard) { return rings == nullptr ? nullptr : rings->sink(shard); });
}
}  // namespace

void add_produce(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* sub = app.add_subcommand(
        "produce",
        "Example:  printf 'k1:one\\nk2:two\\n' | faultline produce orders --key-delimiter :\n"
        "          faultline produce orders --records 1000000 --size 100 --compression zstd\n"
        "          faultline consume orders --json | faultline produce copy --json\n\n"
        "Each line of stdin becomes a record; with --records the records are made up.");
    auto o = std::make_shared<ProduceOptions>();
    sub->add_option("topic", o->topic, "the topic")->required();
    add_target(*sub, o->target);
    sub->add_option("--partition", o->partition, "else by key, or spread evenly")
        ->check(CLI::NonNegativeNumber);
    sub->add_option("--key-delimiter", o->key_delimiter, "what stands before it is the key");
    sub->add_option("--header", o->headers, "KEY=VALUE on every record, may be given again");
    sub->add_flag(
        "--json", o->json,
        "lines are objects with key, value, headers, timestamp, as consume --json prints");
    sub->add_option("--compression", o->compression, "none, gzip, snappy, lz4 or zstd")
        ->capture_default_str();
    sub->add_option("--acks", o->acks, "0, 1 or all")->capture_default_str();
    sub->add_option("--records", o->records, "make up so many records");
    sub->add_option("--size", o->size, "bytes of a made-up record")
        ->capture_default_str()
        ->check(CLI::Range(1, 64 << 20));
    sub->add_option("--rate", o->rate, "records per second at most");
    sub->add_option("--events", o->events, "keep what happens here, for `faultline timeline`");
    commands.push_back({sub, [o] { return produce(*o); }});
}
}  // namespace faultline::tools
