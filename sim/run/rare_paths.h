// Asks the code for its rare branches (probe::Site), as the seed says. Each site is switched on in
// one run of four, and then taken every fourth time (FoundationDB's buggify has these odds).
#pragma once
#include "core/base/random.h"
#include "sim/trace/recorder.h"

namespace faultline::sim {

class RarePaths final : public Recorder::Perturb {
public:
    explicit RarePaths(Rng stream) : stream_(stream) {}
    bool take(probe::Site site) override {
        const auto index = static_cast<std::size_t>(site);
        const Rng own = stream_.fork(static_cast<std::uint64_t>(index));
        if (!Rng(own).chance(1, 4)) return false;
        return own.fork(++occurrences_[index]).chance(1, 4);
    }

private:
    Rng stream_;
    std::uint64_t occurrences_[static_cast<std::size_t>(probe::Site::count_)] = {};
};
}  // namespace faultline::sim
