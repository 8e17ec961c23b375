#include "visualize/axis.h"

#include <algorithm>
#include <bit>

namespace faultline::visualize {
namespace {
constexpr double kSmallestGap = 3.0;
constexpr double kPerDoubling = 2.4;
constexpr Ns kShortestBreak = 200'000'000;
constexpr int kWideningRounds = 10;
constexpr double kMostWidening = 1.6, kShareOfWants = 0.85;

// log2(1 + v), linear between powers of two: monotone, and exact on every machine.
double log2_steps(std::uint64_t v) {
    const std::uint64_t n = v + 1;
    const int k = std::bit_width(n) - 1;
    const std::uint64_t power = std::uint64_t{1} << k;
    return k + static_cast<double>(n - power) / static_cast<double>(power);
}
}  // namespace

Axis::Axis(std::vector<Ns> anchors, const std::vector<Span>& busy, Ns unit)
    : at_(std::move(anchors)) {
    std::sort(at_.begin(), at_.end());
    at_.erase(std::unique(at_.begin(), at_.end()), at_.end());
    if (at_.empty()) at_ = {0};
    if (at_.size() == 1) at_.push_back(at_.front() + 1'000'000);
    x_.push_back(0);
    for (std::size_t i = 0; i + 1 < at_.size(); ++i) {
        // At most some 73 years, whatever a damaged trace says.
        const Ns gap = static_cast<Ns>(std::min<std::uint64_t>(
            static_cast<std::uint64_t>(at_[i + 1]) - static_cast<std::uint64_t>(at_[i]),
            INT64_MAX / 4));
        const bool covered = std::any_of(busy.begin(), busy.end(), [&](const Span& s) {
            return s.from <= at_[i] && s.to >= at_[i + 1];
        });
        quiet_.push_back(!covered && gap >= kShortestBreak);
        x_.push_back(x_.back() + kSmallestGap +
                     kPerDoubling * log2_steps(static_cast<std::uint64_t>(gap / unit)));
    }
}

void Axis::place(std::vector<double>& gaps, double left, double right) {
    double sum = 0;
    for (const double gap : gaps) sum += gap;
    x_[0] = left;
    for (std::size_t i = 0; i < gaps.size(); ++i) {
        gaps[i] *= (right - left) / sum;
        x_[i + 1] = x_[i] + gaps[i];
    }
}

void Axis::fit(double left, double right) {
    std::vector<double> gaps;
    for (std::size_t i = 0; i + 1 < x_.size(); ++i) gaps.push_back(x_[i + 1] - x_[i]);
    place(gaps, left, right);
    const std::vector<double> even = gaps;
    for (int round = 0; round < kWideningRounds; ++round) {
        std::vector<double> factors(gaps.size(), 1);
        for (const Want& want : wants_) {
            const double factor = want.width / std::max(x(want.to) - x(want.from), 1.0);
            for (std::size_t i = 0; i < gaps.size(); ++i) {
                if (at_[i] < want.from || at_[i + 1] > want.to) continue;
                factors[i] = std::max(factors[i], std::min(factor, kMostWidening));
            }
        }
        for (std::size_t i = 0; i < gaps.size(); ++i) gaps[i] *= factors[i];
        place(gaps, left, right);
    }
    // Nobody loses all of its room to those who want more.
    for (std::size_t i = 0; i < gaps.size(); ++i) {
        gaps[i] = kShareOfWants * gaps[i] + (1 - kShareOfWants) * even[i];
    }
    place(gaps, left, right);
    for (std::size_t i = 0; i < quiet_.size(); ++i) {
        if (quiet_[i]) breaks_.push_back({x_[i], x_[i + 1], at_[i], at_[i + 1]});
    }
}

double Axis::x(Ns at) const {
    if (at <= at_.front()) return x_.front();
    if (at >= at_.back()) return x_.back();
    const auto i =
        static_cast<std::size_t>(std::upper_bound(at_.begin(), at_.end(), at) - at_.begin()) - 1;
    const double share =
        static_cast<double>(at - at_[i]) / static_cast<double>(at_[i + 1] - at_[i]);
    return x_[i] + share * (x_[i + 1] - x_[i]);
}
}  // namespace faultline::visualize
