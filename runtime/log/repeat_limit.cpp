#include "runtime/log/repeat_limit.h"

#include <algorithm>
#include <utility>

namespace faultline::log {
namespace {

// Runs of digits become one 0, so that offsets, ports and sizes do not make a new kind.
std::string kind_of(std::string_view line) {
    std::string kind;
    bool in_number = false;
    for (const char c : line) {
        const bool digit = c >= '0' && c <= '9';
        if (digit && in_number) continue;
        kind += digit ? '0' : c;
        in_number = digit;
    }
    return kind;
}
}  // namespace

std::optional<std::uint64_t> RepeatLimit::admit(std::string_view line, Time now) {
    std::string name = kind_of(line);
    auto it = kinds_.find(name);
    if (it == kinds_.end()) {
        if (kinds_.size() >= options_.max_kinds) {
            kinds_.erase(std::min_element(kinds_.begin(), kinds_.end(), [](auto& a, auto& b) {
                return a.second.window_start < b.second.window_start;
            }));
        }
        it = kinds_.emplace(std::move(name), Kind{now, 0, 0}).first;
    }
    Kind& kind = it->second;
    if (now - kind.window_start >= options_.window) {
        kind.window_start = now;
        kind.count = 0;
    }
    if (kind.count >= options_.burst) {
        ++kind.dropped;
        return std::nullopt;
    }
    ++kind.count;
    return std::exchange(kind.dropped, 0);
}
}  // namespace faultline::log
