#include "sim/run/event_log.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "sim/trace/describe.h"

namespace faultline::sim {
namespace {

void print(const std::string& line) { std::fwrite(line.data(), 1, line.size(), stdout); }

// Reads "WORD " and leaves the rest.
template <class T>
bool number(std::string_view& line, T& out, int base = 10) {
    const std::string_view word = line.substr(0, line.find(' '));
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out, base);
    if (error != std::errc{} || end != word.data() + word.size()) return false;
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return true;
}

bool read_mark(std::string_view& line, Mark& mark) {
    return number(line, mark.events) && number(line, mark.hash, 16) &&
           number(line, mark.schedule, 16);
}

class CheckpointAnswer final : public Answer {
public:
    Observer& observer() override { return checkpoints_; }
    void finish() override {
        for (const Mark& mark : checkpoints_.marks()) print(to_line(mark));
    }

private:
    Checkpoints checkpoints_;
};

// Prints events as they happen and ends the run after the last that is wanted.
class EventPrinter final : public Observer {
public:
    EventPrinter(std::uint64_t from, std::uint64_t to) : from_(from), to_(to) {}
    void begin(const TraceHead& head, World& world) override {
        head_ = head;
        world_ = &world;
        std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);  // what is told stays told if it aborts
    }
    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        const Recorder& recorder = world_->recorder();
        if (wanted()) tell(at, node, describe(node, event, head_, recorder));
    }
    void on_sim(MonoTime at, const SimEvent& event) override {
        const Recorder& recorder = world_->recorder();
        if (wanted()) tell(at, actor_of(event), describe(event, head_, recorder));
    }

private:
    bool wanted() const {
        const std::uint64_t number = world_->recorder().events();
        return number >= from_ && number <= to_;
    }
    void tell(MonoTime at, NodeId node, std::string sentence) {
        const Recorder& recorder = world_->recorder();
        print(
            to_line({{recorder.events(), recorder.hash().low(), world_->driver().schedule().low()},
                     at.ns,
                     node.v,
                     recorder.last_cause(),
                     std::move(sentence)}));
        if (recorder.events() < to_) return;
        // What a run does after its end would only cost time; the parent has what it wants.
        std::fflush(stdout);
        std::_Exit(0);
    }
    std::uint64_t from_, to_;
    TraceHead head_;
    World* world_ = nullptr;
};

class EventAnswer final : public Answer {
public:
    EventAnswer(std::uint64_t from, std::uint64_t to) : printer_(from, to) {}
    Observer& observer() override { return printer_; }
    void finish() override {}

private:
    EventPrinter printer_;
};
}  // namespace

void Checkpoints::count() {
    const Recorder& recorder = world_->recorder();
    if (recorder.events() % stride_ != 0) return;
    marks_.push_back({recorder.events(), recorder.hash().low(), world_->driver().schedule().low()});
    if (marks_.size() < kMost) return;
    stride_ *= 2;
    std::erase_if(marks_, [this](const Mark& m) { return m.events % stride_ != 0; });
}

std::size_t first_difference(const std::vector<Mark>& a, const std::vector<Mark>& b) {
    std::size_t low = 0, high = std::min(a.size(), b.size());  // equal below low, differs from high
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (a[middle] == b[middle]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

std::string to_line(const Mark& m) {
    return fmt::format("mark {} {:x} {:x}\n", m.events, m.hash, m.schedule);
}

std::string to_line(const LoggedEvent& e) {
    std::string sentence = e.sentence;
    std::ranges::replace(sentence, '\n', ' ');
    return fmt::format("event {} {:x} {:x} {} {} {} {}\n", e.mark.events, e.mark.hash,
                       e.mark.schedule, e.at_ns, e.node, e.cause, sentence);
}

std::optional<Mark> mark_of(std::string_view line) {
    Mark mark;
    if (!line.starts_with("mark ")) return std::nullopt;
    line.remove_prefix(5);
    if (!read_mark(line, mark)) return std::nullopt;
    return mark;
}

std::optional<LoggedEvent> event_of(std::string_view line) {
    LoggedEvent e;
    if (!line.starts_with("event ")) return std::nullopt;
    line.remove_prefix(6);
    if (!read_mark(line, e.mark) || !number(line, e.at_ns) || !number(line, e.node) ||
        !number(line, e.cause)) {
        return std::nullopt;
    }
    e.sentence = line;
    return e;
}

std::string to_text(const Ask& ask) {
    return ask.checkpoints ? "checkpoints" : fmt::format("{} {}", ask.from, ask.to);
}

std::unique_ptr<Answer> answer_to_environment() {
    const char* text = std::getenv(kAskVariable);
    if (text == nullptr) return nullptr;
    std::string_view rest = text;
    if (rest == "checkpoints") return std::make_unique<CheckpointAnswer>();
    std::uint64_t from = 0, to = 0;
    if (!number(rest, from) || !number(rest, to)) return nullptr;
    return std::make_unique<EventAnswer>(from, to);
}
}  // namespace faultline::sim
