// Who writes to a log next: appends gather behind the one that writes, everything else takes turns.
#pragma once
#include <vector>

#include "core/base/intrusive_list.h"
#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/small_vec.h"
#include "core/fiber/scheduler.h"
#include "core/storage/batch_header.h"

namespace faultline::storage {

struct TurnTag;

// One caller's place in the queue, on its stack. An append's carries its bytes; the leader may
// write them for it. Any other turn is exclusive: it waits until it leads.
struct Turn : TaggedHook<TurnTag> {
    bool is_append = false;
    IoBuf bytes;
    SmallVec<BatchHeader, 1> batches;  // of `bytes`, in order, with their final offsets
    // Set by the queue or by a leader.
    bool leads = false;
    bool done = false;
    Result<void> result;
    fiber::Waiter waiter;
};

// First come, first served. Leading is the right to change the log's files: at most one turn leads
// (INV-17). The leader of appends takes those that wait right behind it along in one gather-write.
class AppendQueue {
public:
    // Returns when `turn` leads, or, for an append, is done. Parks. Ignores stop tokens: what
    // waits here has its offsets already.
    void enter(Turn& turn);
    // The leader hands over. Never parks.
    void leave() noexcept;
    // Moves the appends that wait before the first exclusive turn, up to `max_bytes`, to `out`.
    void take_appends(std::vector<Turn*>& out, std::size_t max_bytes);
    // Every waiting append is done with `error`.
    void fail_appends(Error error);
    static void finish(Turn& turn, Result<void> result);
    bool idle() const noexcept { return !led_; }

private:
    bool led_ = false;
    IntrusiveList<Turn, TurnTag> waiting_;
};

// Leads from construction to destruction.
class ExclusiveTurn {
public:
    explicit ExclusiveTurn(AppendQueue& queue) : queue_(queue) { queue_.enter(turn_); }
    ~ExclusiveTurn() { queue_.leave(); }
    ExclusiveTurn(const ExclusiveTurn&) = delete;
    ExclusiveTurn& operator=(const ExclusiveTurn&) = delete;

private:
    AppendQueue& queue_;
    Turn turn_;
};
}  // namespace faultline::storage
