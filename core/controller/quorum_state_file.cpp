#include "core/controller/quorum_state_file.h"

#include <charconv>

#include <fmt/format.h>

namespace faultline::controller {
namespace {
constexpr std::size_t kLimit = 4096;  // bytes; the line has about two hundred

// The text behind `"key":`, up to the next comma or brace.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
    const std::string quoted = fmt::format("\"{}\":", key);
    const auto at = text.find(quoted);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + quoted.size());
    const auto end = text.find_first_of(",}");
    if (end == std::string_view::npos) return std::nullopt;
    return text.substr(0, end);
}

std::optional<std::int32_t> number_of(std::string_view text, std::string_view key) {
    const auto value = value_of(text, key);
    if (!value) return std::nullopt;
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error != std::errc{} || end != value->data() + value->size()) return std::nullopt;
    return number;
}
}  // namespace

std::string print_quorum_state(const logic::raft::QuorumState& s) {
    return fmt::format(
        "{{\"leaderId\":{},\"leaderEpoch\":{},\"votedId\":{},\"votedDirectoryId\":\"{}\","
        "\"data_version\":1}}",
        s.leader ? s.leader->v : -1, s.epoch.v, s.voted ? s.voted->id.v : -1,
        to_string(s.voted ? s.voted->directory : Uuid{}));
}

std::optional<logic::raft::QuorumState> parse_quorum_state(std::string_view text) {
    if (!text.starts_with('{') || text.find('}') == std::string_view::npos) return std::nullopt;
    const auto leader = number_of(text, "leaderId"), epoch = number_of(text, "leaderEpoch"),
               voted = number_of(text, "votedId"), version = number_of(text, "data_version");
    if (!leader || !epoch || !voted || !version || *epoch < 0 || *version > 1) return std::nullopt;
    logic::raft::QuorumState s;
    s.epoch = Epoch{*epoch};
    if (*leader >= 0) s.leader = NodeId{*leader};
    if (*voted < 0) return s;
    logic::raft::ReplicaKey key{NodeId{*voted}, {}};
    if (const auto directory = value_of(text, "votedDirectoryId")) {
        const bool quoted = directory->size() >= 2 && directory->front() == '"';
        if (!quoted || !parse_uuid(directory->substr(1, directory->size() - 2), key.directory))
            return std::nullopt;
    }
    s.voted = key;
    return s;
}

Result<logic::raft::QuorumState> load_quorum_state(Disk& disk, const std::string& path) {
    auto text = read_file(disk, path, kLimit);
    if (!text.ok() && text.code() == Errc::not_found) return logic::raft::QuorumState{};
    if (!text.ok()) return text.error();
    auto state = parse_quorum_state(text->copy_string());
    if (!state) return Error{Errc::corrupt, 0, "quorum.state_file"};
    return *std::move(state);
}

Result<void> save_quorum_state(Disk& disk, const std::string& path,
                               const logic::raft::QuorumState& state) {
    const std::string text = print_quorum_state(state) + "\n";
    return replace_file(disk, path, IoBuf::copy_of(std::as_bytes(std::span(text))));
}
}  // namespace faultline::controller
