// Virtual time, first in first out: the smallest driver there is.
#pragma once
#include "core/fiber/scheduler.h"

namespace faultline::test {
class VirtualDriver final : public fiber::Driver {
public:
    explicit VirtualDriver(std::uint64_t pick = 0) : pick_(pick) {}
    std::size_t choose(std::size_t runnable) noexcept override {
        pick_ = pick_ * 6364136223846793005ULL + (pick_ != 0 ? 1442695040888963407ULL : 0);
        return pick_ == 0 ? 0 : (pick_ >> 33) % runnable;
    }
    MonoTime poll() noexcept override { return now_; }
    MonoTime wait(MonoTime until) noexcept override {
        if (until == MonoTime::never()) return until;
        return now_ = until;
    }

private:
    MonoTime now_{};
    std::uint64_t pick_;
};
}  // namespace faultline::test
