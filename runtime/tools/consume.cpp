#include <charconv>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/client/consumer.h"
#include "runtime/posix/node.h"
#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct ConsumeOptions {
    Target target;
    std::string topic, from = "beginning", format = "%s\\n";
    std::int32_t partition = -1;
    std::uint64_t count = 0;
    bool json = false, follow = false, committed = false;
};

std::optional<client::Position> parse_from(const std::string& text) {
    if (text == "beginning") return client::Position::beginning();
    if (text == "end") return client::Position::end();
    const bool time = text.starts_with('@');
    const std::string_view digits = std::string_view(text).substr(time ? 1 : 0);
    std::int64_t value = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem != std::errc{} || end != digits.data() + digits.size() || value < 0) {
        return std::nullopt;
    }
    return time ? client::Position::timestamp(value) : client::Position::at(value);
}

nlohmann::ordered_json text_or_null(const std::optional<Bytes>& bytes) {
    if (!bytes) return nullptr;
    return std::string(as_text(*bytes));
}

std::string json_line(const client::InRecord& r) {
    nlohmann::ordered_json out = {{"topic", r.topic},
                                  {"partition", r.partition},
                                  {"offset", r.record.offset},
                                  {"timestamp", r.record.timestamp},
                                  {"key", text_or_null(r.record.key)},
                                  {"value", text_or_null(r.record.value)}};
    if (r.record.headers > 0) {
        auto& headers = out["headers"] = nlohmann::ordered_json::array();
        Bytes rest = r.record.header_bytes;
        for (std::int32_t i = 0; i < r.record.headers; ++i) {
            const auto header = wire::next_header(rest);
            if (!header.ok()) break;
            headers.push_back({std::string(header->key), text_or_null(header->value)});
        }
    }
    // Bytes that are not UTF-8 are shown as U+FFFD.
    return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string header_text(const wire::RecordView& record) {
    std::string out;
    Bytes rest = record.header_bytes;
    for (std::int32_t i = 0; i < record.headers; ++i) {
        const auto header = wire::next_header(rest);
        if (!header.ok()) break;
        if (!out.empty()) out += ',';
        out += header->key;
        out += '=';
        out += header->value ? as_text(*header->value) : "NULL";
    }
    return out;
}

void put_field(std::string& out, char field, const client::InRecord& r) {
    const auto bytes = [&](const std::optional<Bytes>& b) {
        out += b ? as_text(*b) : std::string_view{};
    };
    const auto length = [&](const std::optional<Bytes>& b) {
        out += b ? std::to_string(b->size()) : "-1";
    };
    switch (field) {
        case 't': out += r.topic; break;
        case 'p': out += std::to_string(r.partition); break;
        case 'o': out += std::to_string(r.record.offset); break;
        case 'T': out += std::to_string(r.record.timestamp); break;
        case 'k': bytes(r.record.key); break;
        case 's': bytes(r.record.value); break;
        case 'K': length(r.record.key); break;
        case 'S': length(r.record.value); break;
        case 'h': out += header_text(r.record); break;
        default: out += field;  // %%
    }
}

// As kcat's -f: %t %p %o %T %k %s %K %S %h %%, \n \t \0.
std::string formatted(std::string_view format, const client::InRecord& r) {
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
        const bool last = i + 1 == format.size();
        if (format[i] == '%' && !last) {
            put_field(out, format[++i], r);
        } else if (format[i] == '\\' && !last) {
            const char c = format[++i];
            out += c == 'n' ? '\n' : c == 't' ? '\t' : c == '0' ? '\0' : c;
        } else {
            out += format[i];
        }
    }
    return out;
}

class Consumption {
public:
    Consumption(Env& env, fiber::StopToken stop, const ConsumeOptions& options,
                client::ClientConfig client)
        : env_(env),
          stop_(stop),
          options_(options),
          consumer_(env, std::move(client), {.read_committed = options.committed}) {}

    int run(client::Position from) {
        const int code = read(from);
        std::fflush(stdout);
        consumer_.close();
        return code;
    }

private:
    std::string what() const { return fmt::format("consume {}", options_.topic); }

    // Assigns the partitions, and notes where each of them ends now.
    int open(client::Position from) {
        const Deadline deadline = env_.clock.in(timeout_of(options_.target));
        auto& cluster = consumer_.cluster();
        const auto asked = cluster.refresh(options_.topic, deadline, stop_);
        if (!asked.ok()) return complain(what(), asked.error(), options_.target);
        const client::TopicInfo* topic = cluster.view().topic(options_.topic);
        if (topic != nullptr && topic->error == wire::KafkaError::unknown_topic_or_partition) {
            return complain(what(), topic->error, "");
        }
        const auto count = cluster.partitions(options_.topic, deadline, stop_);
        if (!count.ok()) return complain(what(), count.error(), options_.target);
        if (options_.partition >= *count) {
            return bad_input(fmt::format("faultline: --partition {}: {} has partitions 0 to {}",
                                         options_.partition, options_.topic, *count - 1));
        }
        for (std::int32_t p = 0; p < *count; ++p) {
            if (options_.partition >= 0 && p != options_.partition) continue;
            // As an offset, so that a partition with nothing to read is known as finished at once.
            const auto begin = consumer_.find_offset(options_.topic, p, from, deadline, stop_);
            if (!begin.ok()) return complain(what(), begin.error(), options_.target);
            consumer_.assign(options_.topic, p, client::Position::at(*begin));
            const auto end =
                consumer_.find_offset(options_.topic, p, client::Position::end(), deadline, stop_);
            if (!end.ok()) return complain(what(), end.error(), options_.target);
            if (!options_.follow) ends_[p] = *end;
        }
        return kOk;
    }

    bool finished() const {
        if (options_.count > 0 && printed_ >= options_.count) return true;
        if (options_.follow) return false;
        for (const auto& [partition, end] : ends_) {
            const std::int64_t at = consumer_.position(options_.topic, partition);
            if (end > 0 && at < end) return false;
        }
        return true;
    }

    int read(client::Position from) {
        if (const int code = open(from); code != kOk) return code;
        while (!finished()) {
            const Deadline deadline = options_.follow ? env_.clock.in(std::chrono::seconds(1))
                                                      : env_.clock.in(timeout_of(options_.target));
            const auto got =
                consumer_.poll(deadline, stop_, [this](const client::InRecord& r) { print(r); });
            if (!got.ok()) {
                if (got.code() == Errc::cancelled) return kOk;  // Ctrl-C
                if (consumer_.last_error() != wire::KafkaError::none) {
                    return complain(what(), consumer_.last_error(), to_string(got.error()));
                }
                return complain(what(), got.error(), options_.target);
            }
            if (options_.follow) {
                std::fflush(stdout);
            } else if (*got == 0 && !finished()) {
                return complain(what(), Error{Errc::timed_out, 0, "consume"}, options_.target);
            }
        }
        return kOk;
    }

    void print(const client::InRecord& r) {
        if (options_.count > 0 && printed_ >= options_.count) return;
        const auto end = ends_.find(r.partition);
        if (end != ends_.end() && r.record.offset >= end->second) return;
        ++printed_;
        const std::string line = options_.json ? json_line(r) : formatted(options_.format, r);
        std::fwrite(line.data(), 1, line.size(), stdout);
    }

    Env& env_;
    fiber::StopToken stop_;
    const ConsumeOptions& options_;
    client::Consumer consumer_;
    std::map<std::int32_t, std::int64_t> ends_;
    std::uint64_t printed_ = 0;
};

int consume(const ConsumeOptions& options) {
    const auto client = client_config(options.target);
    if (!client) return kBadInput;
    const auto from = parse_from(options.from);
    if (!from) {
        return bad_input(fmt::format(
            "faultline: --from {}: beginning, end, an offset, or @ and milliseconds since 1970",
            options.from));
    }
    return posix::run_client([&](Env& env, fiber::StopToken stop) {
        return Consumption(env, stop, options, *client).run(*from);
    });
}
}  // namespace

void add_consume(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* sub = app.add_subcommand(
        "consume",
        "Example:  faultline consume orders --from beginning -f '%p %o %k %s\\n'\n"
        "          faultline consume orders --from end --follow --json\n\n"
        "Prints the records of a topic and exits at its end, unless --follow.");
    auto o = std::make_shared<ConsumeOptions>();
    sub->add_option("topic", o->topic, "the topic")->required();
    add_target(*sub, o->target);
    sub->add_option("--from", o->from,
                    "beginning, end, an offset, or @ and milliseconds since 1970")
        ->capture_default_str();
    sub->add_option("--partition", o->partition, "only this one")->check(CLI::NonNegativeNumber);
    sub->add_option("--count", o->count, "stop after so many records");
    sub->add_flag("--follow", o->follow, "wait for more at the end");
    sub->add_option("-f,--format", o->format,
                    "%t topic %p partition %o offset %T time %k key %s value %K %S lengths "
                    "%h headers")
        ->capture_default_str();
    sub->add_flag("--read-committed", o->committed,
                  "leave out what transactions have aborted or not ended yet");
    sub->add_flag("--json", o->json, "one object per line");
    commands.push_back({sub, [o] { return consume(*o); }});
}
}  // namespace faultline::tools
