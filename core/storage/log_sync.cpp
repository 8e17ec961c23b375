// Durability: one sync serves all that wait for it.
#include <algorithm>

#include "core/storage/partition_log_impl.h"

namespace faultline::storage {

Result<void> PartitionLog::Impl::wait_durable(Offset offset, Deadline deadline,
                                              fiber::StopToken stop) {
    while (durable_end < offset) {
        if (dir->failed()) return Error{Errc::io, 0, "log.dir_failed"};
        if (closed) return Error{Errc::closed, 0, "log.wait_durable"};
        if (disk_gone) return Error{Errc::cancelled, 0, "log.wait_durable"};
        if (offset > log_end) return Error{Errc::fenced, 0, "log.wait_durable"};
        start_sync();
        DurableWaiter waiter;
        waiter.until = offset;
        durable_waiters.push_back(waiter);
        switch (waiter.waiter.park(deadline, stop)) {
            case fiber::Wake::signalled: break;
            case fiber::Wake::timed_out: return Error{Errc::timed_out, 0, "log.wait_durable"};
            case fiber::Wake::cancelled: return Error{Errc::cancelled, 0, "log.wait_durable"};
        }
    }
    return {};
}

// A fiber of its own, so that a waiter whose deadline passes does not wait for a slow disk.
void PartitionLog::Impl::start_sync() {
    if (syncing) return;
    syncing = true;
    syncs.spawn({.name = "log.sync"}, [this](fiber::StopToken) { sync_until_served(); });
}

void PartitionLog::Impl::sync_until_served() {
    bool wanted = true;
    while (wanted && !dir->failed()) {
        sync_target = log_end;
        auto file = active().file();
        Result<void> synced =
            file.ok() ? (*file)->sync(SyncMode::data) : Result<void>(file.error());
        if (!synced.ok()) {
            disk_gone |= synced.code() == Errc::cancelled;
            if (!disk_gone) {
                ctx.probe.reached(probe::Site::sync_failed);
                // Also no_space: what a failed sync lost cannot be written again (env/disk.h).
                (void)dir->note({Errc::io, synced.error().sys, "log.sync"});
            }
            break;
        }
        // A truncation meanwhile has lowered sync_target.
        set_durable(sync_target);
        wanted = false;
        durable_waiters.for_each([&](DurableWaiter& w) { wanted |= w.until <= log_end; });
        if (wanted) ctx.probe.reached(probe::Site::sync_again_for_newer);
    }
    syncing = false;
    wake_durable();
}

void PartitionLog::Impl::set_durable(Offset end) {
    last_sync = ctx.clock.now();
    end = std::min(end, durable_ceiling);
    if (end <= durable_end) return;
    FL_INVARIANT(12, end <= log_end);
    durable_end = end;
    ctx.probe.emit([&] { return probe::LogFlushed{key, durable_end}; });
    durable_waiters.for_each([&](DurableWaiter& w) {
        if (w.until > durable_end) return;
        w.unlink_durable();
        w.waiter.wake();
    });
}

// Everybody looks again: the directory failed, the log was cut or closed.
void PartitionLog::Impl::wake_durable() {
    durable_waiters.for_each([](DurableWaiter& w) {
        w.unlink_durable();
        w.waiter.wake();
    });
}

Result<void> PartitionLog::Impl::save_epochs() {
    epochs_dirty = false;
    auto saved = replace_file(ctx.disk, epochs_path(), IoBuf::copy_of(as_bytes(epochs.print())));
    if (!saved.ok()) epochs_dirty = true;
    return saved;
}

Result<void> PartitionLog::Impl::checkpoint() {
    FL_CHECK(writable());
    // A topic that leaves its syncs to the operating system is not asked for one here.
    const auto lazy = [this] { return durable_end < log_end && !syncing; };
    if (marked == log_end || lazy()) return {};
    ExclusiveTurn turn(queue);  // one writer of the files and their .tmp
    FL_CHECK(appendable());
    if (lazy()) return {};
    FL_CHECK(wait_durable(log_end, Deadline::never(), {}));
    const auto steps = [&]() -> Result<void> {
        if (epochs_dirty) FL_CHECK(save_epochs());
        return mark_end();
    };
    auto result = steps();
    // It is only a help: a full disk is noticed by those who need it.
    if (result.ok() || result.code() == Errc::cancelled || result.code() == Errc::no_space)
        return result;
    return dir->note(result.error());
}

Result<void> PartitionLog::Impl::close() {
    if (closed) return {};
    ExclusiveTurn turn(queue);
    if (closed) return {};
    closed = true;
    queue.fail_appends({Errc::closed, 0, "log.close"});
    reserved_end = log_end;
    syncs.join();
    const auto steps = [&]() -> Result<void> {
        if (dir->failed()) return Error{Errc::io, 0, "log.dir_failed"};
        if (needs_cut) FL_CHECK(cut_failed_write());
        // Most logs of a broker with many did not change since they were opened.
        if (durable_end < log_end) {
            FL_TRY(FileRef file, active().file());
            FL_CHECK(file->sync(SyncMode::data));
        }
        if (!active().index_saved()) {
            FL_CHECK(load_index(active()));  // as a checkpoint left it, unsynced
            FL_CHECK(active().save_index(true));
        }
        if (epochs_dirty) FL_CHECK(save_epochs());
        if (producers_unknown) return {};
        // Without it the next start reads more; a stop must not need space.
        auto noted = mark_end();
        const bool full = !noted.ok() && noted.code() == Errc::no_space;
        return full ? Result<void>{} : noted;
    };
    auto result = steps();
    if (result.ok()) {
        set_durable(log_end);
    } else if (result.code() != Errc::cancelled) {
        result = dir->note(result.error());
    }
    wake_durable();
    return result;
}
}  // namespace faultline::storage
