// A bounded ring from one shard to another: one producer thread, one consumer thread.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "core/env/env.h"

namespace faultline::posix {

class Mailbox {
public:
    static constexpr std::size_t kCapacity = 1024;  // a power of two

    // By the producer. False, and `task` untouched, when full.
    bool try_push(Shards::Task& task) noexcept {
        const std::size_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_seen_ == kCapacity) {
            head_seen_ = head_.load(std::memory_order_seq_cst);
            if (tail - head_seen_ == kCapacity) return false;
        }
        ring_[tail % kCapacity] = std::move(task);
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }
    // By the producer, before it tries a last time and parks.
    void say_starving() noexcept { starving_.store(true, std::memory_order_seq_cst); }

    // By the consumer: hands out what is there now, at most `limit`, which is counted down. True
    // when the producer waits for room.
    template <class Take>
    bool drain(std::size_t& limit, Take take) {
        const std::size_t tail = tail_.load(std::memory_order_acquire);
        std::size_t head = head_.load(std::memory_order_relaxed);
        if (head == tail || limit == 0) return false;
        for (; head != tail && limit > 0; ++head, --limit) {
            take(std::move(ring_[head % kCapacity]));
        }
        // Together with say_starving() in one total order: either the producer sees the room, or
        // we see that it starves.
        head_.store(head, std::memory_order_seq_cst);
        return starving_.load(std::memory_order_seq_cst) && starving_.exchange(false);
    }

private:
    std::array<Shards::Task, kCapacity> ring_;
    alignas(64) std::atomic<std::size_t> tail_{0};
    std::size_t head_seen_ = 0;  // the producer's copy
    alignas(64) std::atomic<std::size_t> head_{0};
    std::atomic<bool> starving_{false};
};
}  // namespace faultline::posix
