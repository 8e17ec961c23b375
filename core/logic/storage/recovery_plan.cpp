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

SwapPlan plan_swaps(std::span<const FoundFile> files) {
    SwapPlan plan;
    const auto base_of = [](std::string_view name) {
        return parse_segment_name(name.substr(0, kDigits), "");
    };
    Offset first_cleaned{INT64_MAX};
    for (const FoundFile& file : files) {
        const auto base = base_of(file.name);
        if (base && file.name.ends_with(".cleaned")) first_cleaned = std::min(first_cleaned, *base);
    }
    for (const FoundFile& file : files) {
        if (!file.name.ends_with(".swap")) continue;
        const auto base = parse_segment_name(file.name, ".log.swap");
        if (base && *base < first_cleaned) {
            plan.finish.push_back(*base);
        } else {
            plan.remove.push_back(file.name);
        }
    }
    std::ranges::sort(plan.finish);
    return plan;
}

std::vector<std::string> replaced_by_swap(std::span<const FoundFile> files, Offset base,
                                          Offset end) {
    std::vector<std::string> names;
    for (const FoundFile& file : files) {
        for (const std::string_view suffix : {".log", ".index", ".timeindex", ".txnindex"}) {
            const auto at = parse_segment_name(file.name, suffix);
            if (!at) continue;
            const bool inside = *at > base && *at < end;
            if (inside || (*at == base && suffix != ".log")) names.push_back(file.name);
        }
    }
    return names;
}

std::string print_gaps(Offset dense_from) { return "0\n" + std::to_string(dense_from.v) + "\n"; }

std::optional<Offset> parse_gaps(std::string_view text) {
    if (!text.starts_with("0\n") || !text.ends_with("\n") || text.size() < 4) return {};
    const std::string_view digits = text.substr(2, text.size() - 3);
    if (digits.size() > kDigits) return {};
    std::string padded(kDigits - digits.size(), '0');
    return parse_segment_name(padded += digits, "");
}

RecoveryPlan plan_recovery(std::span<const FoundFile> files, bool clean, Offset recovery_point) {
    RecoveryPlan plan;
    std::map<Offset, SegmentPlan> segments;
    for (const FoundFile& file : files) {
        if (const auto base = parse_segment_name(file.name, ".log")) {
            segments[*base].base = *base;
            segments[*base].bytes = file.size;
        }
        if (const auto at = parse_segment_name(file.name, ".snapshot"))
            plan.snapshots.push_back(*at);
    }
    for (const FoundFile& file : files) {
        const std::string_view name = file.name;
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
    std::ranges::sort(plan.snapshots);
    for (const auto& [base, segment] : segments) plan.segments.push_back(segment);
    for (std::size_t i = 0; i < plan.segments.size() && !clean; ++i) {
        const bool last = i + 1 == plan.segments.size();
        plan.segments[i].scan = last || plan.segments[i + 1].base > recovery_point;
    }
    return plan;
}

std::vector<Offset> stray_snapshots(std::span<const Offset> snapshots,
                                    std::span<const Offset> bases) {
    std::vector<Offset> stray;
    for (const Offset at : snapshots) {
        const bool kept = at >= bases.front() &&
                          (at == snapshots.back() || std::ranges::binary_search(bases, at));
        if (!kept) stray.push_back(at);
    }
    return stray;
}

bool names_durable(const Names& n) {
    return n.checkpointed && (n.untouched || n.marked_in_active) && n.others_as_marked;
}

Verdict judge(const Damage& d) {
    const bool durable = d.clean || d.below_recovery_point || !d.active_segment;
    return durable || d.one_bit_off ? Verdict::corruption : Verdict::torn_tail;
}
}  // namespace faultline::logic::storage
