#include "sim/scenario/fault_kinds.h"

#include <algorithm>
#include <iterator>

#include "core/base/assert.h"

namespace faultline::sim {
namespace {
using enum FaultKind;
constexpr FaultClass kProcess = FaultClass::process, kNetwork = FaultClass::network,
                     kDisk = FaultClass::disk, kClock = FaultClass::clock,
                     kOperator = FaultClass::operation;

// clang-format off
constexpr FaultInfo kFaults[] = {
    {crash, kProcess, "crash", "kill -9: what was written stays in the page cache."},
    {power_loss, kProcess, "power_loss", "Unsynced writes and directory entries are kept, dropped, torn or damaged."},
    {pause, kProcess, "pause", "SIGSTOP for a while; the node's monotonic clock runs on, or stands as in a stopped virtual machine."},
    {restart, kProcess, "restart", "An orderly stop and a start."},
    {wipe, kProcess, "wipe", "kill -9, and a start with an empty disk.", true},
    {reconfigure, kProcess, "reconfigure", "An orderly stop, and a start with other configuration."},
    {partition, kNetwork, "partition", "Nothing passes between two sides; what was sent is retransmitted after it heals, attempts to connect time out."},
    {clog, kNetwork, "clog", "Everything between two sides is held, attempts to connect too, and released in one burst."},
    {silent_loss, kNetwork, "silent_loss", "The connections between two sides carry nothing any more, and neither end is told."},
    {half_open, kNetwork, "half_open", "The connections between two sides end with a reset at one end; the other end never hears of it."},
    {reset, kNetwork, "reset", "All connections of a node are reset."},
    {refuse, kNetwork, "refuse", "Attempts to connect to a node are refused."},
    {dns_failure, kNetwork, "dns_failure", "The name of a node does not resolve."},
    {slow_link, kNetwork, "slow_link", "What goes from one side to the other takes longer, or has less bandwidth."},
    {slow_reader, kNetwork, "slow_reader", "A node takes only so many bytes a second from its connections."},
    {short_reads, kNetwork, "short_reads", "Reads from the connections of a node return a few bytes at a time."},
    {short_writes, kNetwork, "short_writes", "Writes to the connections of a node leave in pieces of a few bytes."},
    {cut_each_byte, kNetwork, "cut_each_byte", "Connections to a node are cut, each one byte later in its stream than the one before."},
    {drop_response, kNetwork, "drop_response", "Answers of a node to a request are lost, with their connections."},
    {reorder, kNetwork, "reorder", "Messages of different connections overtake each other."},
    {sync_error, kDisk, "sync_error", "fsync fails and forgets what it should have written."},
    {read_error, kDisk, "read_error", "Reads fail with EIO."},
    {write_error, kDisk, "write_error", "Writes fail with EIO."},
    {latent_sector, kDisk, "latent_sector", "A sector of 512 bytes cannot be read until it is written again.", true},
    {bit_rot, kDisk, "bit_rot", "One bit of a file flips on the platter. A node that runs goes on seeing its page cache: it has an effect when the file is read from the disk again, after a power loss for example.", true},
    {misdirected_write, kDisk, "misdirected_write", "A write lands in another place than it should; the place it was meant for keeps its old bytes.", true},
    {lying_sync, kDisk, "lying_sync", "fsync says ok and does nothing.", true},
    {disk_capacity, kDisk, "disk_capacity", "The disk is this small, then as before."},
    {slow_disk, kDisk, "slow_disk", "Every operation of the disk takes that many times longer, some much longer."},
    {hung_disk, kDisk, "hung_disk", "Operations of the disk do not return."},
    {lose_log_dir, kDisk, "lose_log_dir", "Every operation below a directory fails with EIO."},
    {clock_jump, kClock, "clock_jump", "The wall clock jumps, and optionally back."},
    {clock_drift, kClock, "clock_drift", "The node's clocks run fast or slow."},
    {clock_freeze, kClock, "clock_freeze", "The wall clock stands still."},
    {reassign, kOperator, "reassign", "An operator moves the replicas of a partition, or cancels that."},
    {elect, kOperator, "elect", "An operator asks for the preferred leader of a partition, or for any."},
    {delete_records, kOperator, "delete_records", "An operator deletes the oldest records of a partition."},
    {add_voter, kOperator, "add_voter", "An operator lets a controller vote in the quorum (KIP-853)."},
    {remove_voter, kOperator, "remove_voter", "An operator takes the vote away from a controller, which goes on as an observer."},
};
// clang-format on
static_assert(std::size(kFaults) == static_cast<std::size_t>(count_));

constexpr bool in_order() {
    for (std::size_t i = 0; i < std::size(kFaults); ++i) {
        if (static_cast<std::size_t>(kFaults[i].kind) != i) return false;
    }
    return true;
}
static_assert(in_order());
}  // namespace

std::span<const FaultInfo> fault_kinds() { return kFaults; }
const FaultInfo& info(FaultKind kind) { return kFaults[static_cast<std::size_t>(kind)]; }
std::string_view to_string(FaultKind kind) { return info(kind).word; }

std::string_view to_string(FaultClass group) {
    switch (group) {
        case kProcess: return "process";
        case kNetwork: return "network";
        case kDisk: return "disk";
        case kClock: return "clock";
        case kOperator: return "operator";
        case FaultClass::count_: break;
    }
    FL_UNREACHABLE();
}
}  // namespace faultline::sim
