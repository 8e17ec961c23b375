#include "sim/run/check.h"

#include <charconv>
#include <deque>

#include <fmt/format.h>

namespace faultline::sim {
namespace {

// How many events before the first difference are read, so that its causes can be shown.
constexpr std::uint64_t kBefore = 20'000;
constexpr std::size_t kShown = 6;  // causes of each
constexpr int kAttempts = 3;       // a run that depends on addresses differs elsewhere each time

struct Verdict {
    std::string hash, failure;
    std::vector<Mark> marks;
};

// Reads a child to its end.
Verdict verdict_of(Child& child) {
    Verdict verdict;
    std::string last;
    while (auto line = child.line()) {
        if (const auto mark = mark_of(*line)) {
            verdict.marks.push_back(*mark);
        } else if (line->starts_with("schedule=")) {
            verdict.hash = *line;
        } else {
            last = *line;
        }
    }
    if (const auto failure = child.failure()) {
        verdict.failure = *failure;
    } else if (verdict.hash.empty()) {
        verdict.failure = "gave no verdict: \"" + last + "\"";
    }
    return verdict;
}

std::string seconds(std::int64_t ns) {
    return fmt::format("{}.{:06}s", ns / 1'000'000'000, ns / 1000 % 1'000'000);
}

std::string told(const LoggedEvent& e) {
    return fmt::format("#{} {} {}", e.mark.events, seconds(e.at_ns), e.sentence);
}

// The events of one process, in order, with the last ones at hand.
class Side {
public:
    Side(const std::vector<std::string>& arguments, const Perturbation& perturbation,
         std::uint64_t from, std::uint64_t to)
        : child_(arguments, perturbation,
                 {std::string(kAskVariable) + "=" + to_text({.from = from, .to = to})}) {}

    // The next event; nothing at the end.
    const LoggedEvent* next() {
        while (auto line = child_.line()) {
            if (auto event = event_of(*line)) {
                events_.push_back(std::move(*event));
                if (events_.size() > kBefore) events_.pop_front();
                return &events_.back();
            }
        }
        return nullptr;
    }
    std::string end() { return child_.failure().value_or("ended there"); }
    const LoggedEvent* last() const { return events_.empty() ? nullptr : &events_.back(); }

    // What led to the newest event, newest first: its chain of causes.
    std::vector<const LoggedEvent*> causes() const {
        std::vector<const LoggedEvent*> chain;
        const LoggedEvent* at = last();
        while (at != nullptr && chain.size() < kShown && (at = find(at->cause)) != nullptr)
            chain.push_back(at);
        return chain;
    }
    // What its node did before it.
    std::vector<const LoggedEvent*> before() const {
        std::vector<const LoggedEvent*> all;
        if (events_.empty()) return all;
        const std::int32_t node = events_.back().node;
        for (auto it = events_.rbegin() + 1; it != events_.rend() && all.size() < kShown; ++it) {
            if (it->node == node || node == 0) all.push_back(&*it);
        }
        return all;
    }

private:
    const LoggedEvent* find(std::uint64_t number) const {
        if (number == 0 || events_.empty() || number < events_.front().mark.events) return nullptr;
        const std::uint64_t index = number - events_.front().mark.events;
        return index < events_.size() ? &events_[index] : nullptr;
    }
    Child child_;
    std::deque<LoggedEvent> events_;
};

std::string tell(const std::string& name, const Perturbation& p, Side& side, bool ended) {
    std::string out = fmt::format("  in {} ({})\n", name, to_string(p));
    if (ended) {
        out += fmt::format("    the run {}\n", side.end());
        if (side.last() != nullptr) out += fmt::format("      after {}\n", told(*side.last()));
        return out;
    }
    out += fmt::format("    {}\n", told(*side.last()));
    const auto causes = side.causes();
    for (const LoggedEvent* event : causes)
        out += fmt::format("      because of {}\n", told(*event));
    if (!causes.empty()) return out;
    // A timer, or something from outside: nothing that was recorded caused it.
    for (const LoggedEvent* event : side.before())
        out += fmt::format("      after {}\n", told(*event));
    return out;
}

// Runs both from event `from` to `to` and tells where they part.
std::optional<std::string> compare(const std::vector<std::string>& arguments, const Perturbation& a,
                                   const Perturbation& b, std::uint64_t from, std::uint64_t to) {
    Side one(arguments, a, from, to), other(arguments, b, from, to);
    std::uint64_t equal = from == 0 ? 0 : from - 1;
    while (true) {
        const LoggedEvent* x = one.next();
        const LoggedEvent* y = other.next();
        if (x == nullptr && y == nullptr) return std::nullopt;
        if (x != nullptr && y != nullptr && x->mark == y->mark) {
            equal = x->mark.events;
            continue;
        }
        // Already the first one that was asked for: it happened before.
        if (from > 1 && equal + 1 == from) return std::nullopt;
        std::string what =
            fmt::format("the first {} events are equal, the next one differs:\n", equal);
        if (x != nullptr && y != nullptr && x->mark.hash == y->mark.hash) {
            what = fmt::format(
                "the first {} events are equal; before the next one the scheduler drew something "
                "else:\n",
                equal);
        }
        return what + tell("one process", a, one, x == nullptr) +
               tell("another one", b, other, y == nullptr);
    }
}

std::vector<Mark> marks_of(const std::vector<std::string>& arguments, const Perturbation& p) {
    Child child(arguments, p, {std::string(kAskVariable) + "=" + to_text({.checkpoints = true})});
    return verdict_of(child).marks;
}

// The aspects that make the run differ when nothing else is changed. Addresses stand still
// meanwhile, or they alone would make every one of these runs differ.
std::string guilty(const std::vector<std::string>& arguments, int variant) {
    Child base(arguments, {kNoAspect, 0, true});
    const std::string hash = verdict_of(base).hash;
    std::string names;
    for (const Aspect aspect : each_aspect()) {
        const bool addresses = aspect == Aspect::addresses;
        Child child(arguments, {static_cast<Aspects>(aspect), addresses ? 1 : variant, !addresses});
        if (verdict_of(child).hash == hash) continue;
        names += (names.empty() ? "" : ", ") + std::string(to_string(aspect));
    }
    return names;
}
}  // namespace

std::optional<std::string> first_differing_event(const std::vector<std::string>& arguments,
                                                 const Perturbation& a, const Perturbation& b) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const std::vector<Mark> ours = marks_of(arguments, a), theirs = marks_of(arguments, b);
        const std::size_t at = first_difference(ours, theirs);
        if (at == ours.size() && at == theirs.size()) continue;
        const std::uint64_t before = at == 0 ? 0 : ours[at - 1].events;
        // Behind the last common mark they may differ anywhere.
        const std::uint64_t upto =
            at < ours.size() && at < theirs.size() ? ours[at].events : UINT64_MAX;
        const std::uint64_t from = before > kBefore ? before - kBefore : 0;
        if (auto found = compare(arguments, a, b, from, upto)) return found;
    }
    // They differ, but never twice at one place: all events side by side.
    return compare(arguments, a, b, 0, UINT64_MAX);
}

Check::Check(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
    for (int variant = 0; variant < kVariants; ++variant) {
        perturbations_.push_back({kAllAspects, variant});
        children_.push_back(std::make_unique<Child>(arguments_, perturbations_.back()));
    }
}

std::optional<std::string> Check::difference(const Outcome& outcome) {
    for (std::size_t i = 0; i < children_.size(); ++i) {
        const Verdict verdict = verdict_of(*children_[i]);
        if (verdict.hash == outcome.hash_line()) continue;
        const Perturbation& p = perturbations_[i];
        std::string out = fmt::format(
            "not deterministic: this process got {}, another one ({}) {}\n", outcome.hash_line(),
            to_string(p), verdict.failure.empty() ? "got " + verdict.hash : verdict.failure);
        if (const auto where = first_differing_event(arguments_, {kNoAspect, 0, true}, p)) {
            out += *where;
        } else {
            out += "further replays were all equal: it does not happen always\n";
        }
        const std::string names = guilty(arguments_, p.variant);
        out += names.empty()
                   ? "no aspect alone makes the run differ\n"
                   : fmt::format("the run differs when only this is changed: {}\n", names);
        return out;
    }
    return std::nullopt;
}
}  // namespace faultline::sim
