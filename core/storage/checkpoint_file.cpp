#include "core/storage/checkpoint_file.h"

#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace faultline::storage {
namespace {
constexpr std::size_t kFileLimit = 64U << 20U;
constexpr std::size_t kMaxTopicName = 249;

template <class T>
bool whole_number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

// The next line without its end; false at the end of the text.
bool line(std::string_view& text, std::string_view& out) {
    if (text.empty()) return false;
    const auto end = text.find('\n');
    out = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!out.empty() && out.back() == '\r') out.remove_suffix(1);
    return true;
}

std::string_view trimmed(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

bool legal_topic(std::string_view name) {
    if (name.empty() || name.size() > kMaxTopicName || name == "." || name == "..") return false;
    for (const char c : name) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!good) return false;
    }
    return true;
}
}  // namespace

std::string print_checkpoint(const OffsetCheckpoint& entries) {
    std::string out = fmt::format("0\n{}\n", entries.size());
    for (const auto& [partition, offset] : entries) {
        out += fmt::format("{} {} {}\n", partition.topic, partition.index.v, offset.v);
    }
    return out;
}

std::optional<OffsetCheckpoint> parse_checkpoint(std::string_view text) {
    std::string_view version, count_text, entry;
    std::size_t count = 0;
    if (!line(text, version) || version != "0") return {};
    if (!line(text, count_text) || !whole_number(count_text, count)) return {};
    OffsetCheckpoint out;
    while (line(text, entry)) {
        const auto second = entry.rfind(' ');
        if (second == std::string_view::npos || second == 0) return {};
        const auto first = entry.rfind(' ', second - 1);
        if (first == std::string_view::npos) return {};
        TopicPartition partition{std::string(entry.substr(0, first)), {}};
        Offset offset;
        if (!whole_number(entry.substr(first + 1, second - first - 1), partition.index.v) ||
            !whole_number(entry.substr(second + 1), offset.v) || offset.v < 0) {
            return {};
        }
        out[partition] = offset;
    }
    if (out.size() != count) return {};
    return out;
}

Result<OffsetCheckpoint> read_checkpoint(Disk& disk, const std::string& path) {
    auto text = read_file(disk, path, kFileLimit);
    if (!text.ok() && text.code() == Errc::not_found) return OffsetCheckpoint{};
    if (!text.ok()) return text.error();
    auto parsed = parse_checkpoint(text->copy_string());
    if (!parsed) return Error{Errc::corrupt, 0, "checkpoint.read"};
    return *std::move(parsed);
}

Result<void> write_text(Disk& disk, const std::string& path, std::string_view text) {
    return replace_file(disk, path, IoBuf::copy_of(as_bytes(text)));
}

std::string print_meta(const MetaProperties& meta) {
    return fmt::format("#\ncluster.id={}\ndirectory.id={}\nnode.id={}\nversion=1\n",
                       to_string(meta.cluster_id), to_string(meta.directory_id), meta.node.v);
}

std::optional<MetaProperties> parse_meta(std::string_view text) {
    MetaProperties meta;
    std::string_view one;
    bool version = false;
    while (line(text, one)) {
        one = trimmed(one);
        if (one.empty() || one[0] == '#' || one[0] == '!') continue;
        const auto equals = one.find('=');
        if (equals == std::string_view::npos) return {};
        const std::string_view key = trimmed(one.substr(0, equals));
        const std::string_view value = trimmed(one.substr(equals + 1));
        bool good = true;
        if (key == "version") good = version = value == "1";
        if (key == "cluster.id") good = parse_uuid(value, meta.cluster_id);
        if (key == "directory.id") good = parse_uuid(value, meta.directory_id);
        if (key == "node.id") good = whole_number(value, meta.node.v);
        if (!good) return {};
    }
    if (!version) return {};
    return meta;
}

std::string print_partition_metadata(const Uuid& topic_id) {
    return fmt::format("version: 0\ntopic_id: {}", to_string(topic_id));
}

std::optional<Uuid> parse_partition_metadata(std::string_view text) {
    std::string_view version, id;
    Uuid out;
    constexpr std::string_view kId = "topic_id: ";
    if (!line(text, version) || version != "version: 0") return {};
    if (!line(text, id) || !id.starts_with(kId)) return {};
    if (!parse_uuid(trimmed(id.substr(kId.size())), out)) return {};
    return out;
}

std::string print_clean_shutdown(std::int64_t broker_epoch) {
    return fmt::format("{{\"version\":0,\"brokerEpoch\":{}}}", broker_epoch);
}

std::int64_t parse_clean_shutdown(std::string_view text) {
    constexpr std::string_view kKey = "\"brokerEpoch\":";
    const auto at = text.find(kKey);
    if (at == std::string_view::npos) return -1;
    text.remove_prefix(at + kKey.size());
    std::int64_t epoch = -1;
    return whole_number(text.substr(0, text.find_first_of(",} ")), epoch) ? epoch : -1;
}

std::string partition_dir(const TopicPartition& p) {
    return fmt::format("{}-{}", p.topic, p.index.v);
}

std::optional<TopicPartition> parse_partition_dir(std::string_view name) {
    const auto dash = name.rfind('-');
    if (dash == std::string_view::npos) return {};
    TopicPartition out{std::string(name.substr(0, dash)), {}};
    const std::string_view digits = name.substr(dash + 1);
    if (!whole_number(digits, out.index.v) || digits.find_first_not_of("0123456789") != digits.npos)
        return {};
    if (!legal_topic(out.topic)) return {};
    return out;
}

std::string moved_dir(const TopicPartition& p, const Uuid& unique, std::string_view why) {
    const std::string suffix =
        fmt::format("-{}.{:016x}{:016x}-{}", p.index.v, unique.hi, unique.lo, why);
    return p.topic.substr(0, 255 - suffix.size()) + suffix;
}

bool is_deleted_dir(std::string_view name) { return name.ends_with("-delete"); }
}  // namespace faultline::storage
