#include "core/logic/storage/leader_epochs.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace faultline::logic::storage {
namespace {

// Reads one decimal number and the character after it.
bool number(std::string_view& text, char after, std::int64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    const auto used = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || used >= text.size() || text[used] != after) return false;
    text.remove_prefix(used + 1);
    return true;
}
}  // namespace

bool LeaderEpochs::assign(Epoch epoch, Offset start) {
    if (!entries_.empty() && entries_.back().epoch == epoch && entries_.back().start <= start) {
        return false;
    }
    while (!entries_.empty() &&
           (entries_.back().epoch >= epoch || entries_.back().start >= start)) {
        entries_.pop_back();
    }
    entries_.push_back({epoch, start});
    return true;
}

bool LeaderEpochs::truncate_end(Offset end) {
    const std::size_t before = entries_.size();
    while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
    return entries_.size() != before;
}

bool LeaderEpochs::forget_above(Epoch epoch) {
    const std::size_t before = entries_.size();
    while (!entries_.empty() && entries_.back().epoch > epoch) entries_.pop_back();
    return entries_.size() != before;
}

bool LeaderEpochs::truncate_start(Offset start) {
    std::size_t below = 0;
    while (below < entries_.size() && entries_[below].start <= start) ++below;
    if (below == 0 || (below == 1 && entries_[0].start == start)) return false;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(below - 1));
    entries_[0].start = start;
    return true;
}

std::optional<Epoch> LeaderEpochs::latest() const {
    if (entries_.empty()) return {};
    return entries_.back().epoch;
}

std::optional<LeaderEpochs::End> LeaderEpochs::end_of(Epoch epoch, Offset log_end) const {
    std::optional<End> found;
    for (std::size_t i = 0; i < entries_.size() && entries_[i].epoch <= epoch; ++i) {
        found = End{entries_[i].epoch, i + 1 < entries_.size() ? entries_[i + 1].start : log_end};
    }
    return found;
}

std::optional<LeaderEpochs::End> LeaderEpochs::answer(Epoch asked, Epoch current,
                                                      Offset log_end) const {
    if (asked.v < 0 || asked > current) return {};
    // The current epoch may not have written yet.
    if (asked == current && (entries_.empty() || entries_.back().epoch < asked))
        return End{asked, log_end};
    if (const auto end = end_of(asked, log_end)) return end;
    return End{asked, entries_.empty() ? log_end : entries_.front().start};
}

Offset LeaderEpochs::shared_end(End leaders, Offset log_end) const {
    if (const auto own = end_of(leaders.epoch, log_end)) return std::min(leaders.end, own->end);
    return std::min(leaders.end, entries_.empty() ? log_end : entries_.front().start);
}

std::optional<Epoch> LeaderEpochs::at(Offset offset) const {
    std::optional<Epoch> found;
    for (const EpochStart& e : entries_) {
        if (e.start <= offset) found = e.epoch;
    }
    return found;
}

void EpochScan::note(Epoch epoch, Offset base) {
    if (epoch.v < 0) return;
    const EpochStart now{epoch, base};
    if (lower_) {
        if (held_ && epoch >= held_->epoch) {
            lower_.reset();
        } else {
            held_ = std::exchange(lower_, std::nullopt);
        }
    }
    if (held_ && epoch < held_->epoch) {
        lower_ = now;
        return;
    }
    take();
    held_ = now;
}

bool EpochScan::finish() {
    const auto before = into_.latest();
    if (lower_ && !(before && lower_->epoch < *before)) held_ = lower_;
    lower_.reset();
    take();
    return std::exchange(added_, false);
}

void EpochScan::take() {
    if (!held_) return;
    const EpochStart batch = *std::exchange(held_, std::nullopt);
    const auto before = into_.latest();
    if (before && *before >= batch.epoch) return;  // nothing new, or lower than it can be
    added_ |= into_.assign(batch.epoch, batch.start);
}

std::string LeaderEpochs::print() const {
    std::string out = "0\n" + std::to_string(entries_.size()) + "\n";
    for (const EpochStart& e : entries_) {
        out += std::to_string(e.epoch.v) + " " + std::to_string(e.start.v) + "\n";
    }
    return out;
}

bool LeaderEpochs::parse(std::string_view text) {
    entries_.clear();
    std::int64_t version = -1, count = -1;
    bool good = number(text, '\n', version) && version == 0 && number(text, '\n', count);
    for (std::int64_t i = 0; good && i < count; ++i) {
        std::int64_t epoch = -1, start = -1;
        good = number(text, ' ', epoch) && number(text, '\n', start) && epoch >= 0 &&
               epoch <= INT32_MAX && start >= 0;
        if (!good) break;
        const EpochStart entry{Epoch{static_cast<std::int32_t>(epoch)}, Offset{start}};
        good = entries_.empty() ||
               (entries_.back().epoch < entry.epoch && entries_.back().start < entry.start);
        entries_.push_back(entry);
    }
    good = good && count >= 0 && text.empty();
    if (!good) entries_.clear();
    return good;
}
}  // namespace faultline::logic::storage
