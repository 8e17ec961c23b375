// quorum-state: what a replica of the quorum has promised, as Kafka keeps it (QuorumStateData,
// version 1): one line of JSON beside the metadata log.
#pragma once
#include <string>
#include <string_view>

#include "core/env/disk.h"
#include "core/logic/raft/vote_rules.h"

namespace faultline::controller {

std::string print_quorum_state(const logic::raft::QuorumState& state);
// Nothing when `text` is not such a line.
std::optional<logic::raft::QuorumState> parse_quorum_state(std::string_view text);

// As it was promised last; a fresh state when there is no file. Parks. corrupt, io.
Result<logic::raft::QuorumState> load_quorum_state(Disk& disk, const std::string& path);
// Durable when it returns. Parks. no_space, io: the promise may not be told.
Result<void> save_quorum_state(Disk& disk, const std::string& path,
                               const logic::raft::QuorumState& state);
}  // namespace faultline::controller
