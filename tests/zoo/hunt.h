// Campaigns: how long random runs need to meet a defect.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace faultline::zoo {

struct HuntOptions {
    std::vector<std::string> profiles;  // scenarios with a `random` section
    std::uint64_t campaign = 1;         // the master seed
    double budget_s = 600;              // processor seconds, then the campaign is given up
    std::uint64_t first = 0;            // runs of the campaign to skip
};

// One campaign: draws profiles and seeds until a run fails, and prints one line of JSON that says
// which, after how many runs and processor seconds. 0 found, 1 not found within the budget, 2 bad
// input.
int hunt(const HuntOptions& options);
}  // namespace faultline::zoo
