#include "core/logic/storage/recovery_plan.h"

#include <algorithm>
#include <map>

namespace faultline::logic::storage {
namespace {
constexpr std::size_t kDigits = 20;
}

std::string segment_name(Offset base, std::string_view suffix) {
    std::string digits = std::to_string(base.v);
    std::string out(kDigits - digits.size(), '0');
    out += digits;
    out += suffix;
    return out;
}

std::optional<Offset> parse_segment_name(std::string_view name, std::string_view suffix) {
    if (name.size() != kDigits + suffix.size() || name.substr(kDigits) != suffix) return {};
    std::int64_t value = 0;
    for (const char c : name.substr(0, kDigits)) {
        if (c < '0' || c > '9') return {};
        if (value > (INT64_MAX - (c - '0')) / 10) return {};
        value = value * 10 + (c - '0');
    }
    return Offset{value};
}

RecoveryPlan plan_recovery(std::span<const FoundFile> files, bool clean, Offset recovery_point) {
    RecoveryPlan plan;
    std::map<Offset, SegmentPlan> segments;
    for (const FoundFile& file : files) {
        if (const auto base = parse_segment_name(file.name, ".log")) {
            segments[*base].base = *base;
            segments[*base].bytes = file.size;
        }
    }
    for (const FoundFile& file : files) {
        const std::string_view name = file.name;
        if (name.ends_with(".swap")) plan.blocker = file.name;
        if (name.ends_with(".deleted") || name.ends_with(".cleaned") || name.ends_with(".tmp")) {
            plan.remove.push_back(file.name);
        }
        for (const std::string_view suffix : {".index", ".timeindex"}) {
            const auto base = parse_segment_name(name, suffix);
            if (!base) continue;
            const auto segment = segments.find(*base);
            if (segment == segments.end()) {
                plan.remove.push_back(file.name);
            } else if (suffix == ".index") {
                segment->second.has_index = true;
            } else {
                segment->second.has_time_index = true;
            }
        }
    }
    for (const auto& [base, segment] : segments) plan.segments.push_back(segment);
    for (std::size_t i = 0; i < plan.segments.size() && !clean; ++i) {
        const bool last = i + 1 == plan.segments.size();
        plan.segments[i].scan = last || plan.segments[i + 1].base > recovery_point;
    }
    return plan;
}

Verdict judge(const Damage& d) {
    const bool durable = d.clean || d.below_recovery_point || !d.active_segment;
    return durable || d.one_bit_off ? Verdict::corruption : Verdict::torn_tail;
}
}  // namespace faultline::logic::storage
