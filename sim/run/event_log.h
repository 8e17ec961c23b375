// What a child of --check tells its parent about its run, in lines of text, and how it is read.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/run/observer.h"

namespace faultline::sim {

// Where a run stands after its first `events` events.
struct Mark {
    std::uint64_t events = 0;
    std::uint64_t hash = 0;      // low half of the hash over the events
    std::uint64_t schedule = 0;  // the same of SimDriver::schedule
    friend bool operator==(const Mark&, const Mark&) = default;
};

// Marks at equal distances. When there are many, every second is forgotten: memory is bounded, and
// two runs keep the same ones for as long as they are equal.
class Checkpoints final : public Observer {
public:
    static constexpr std::size_t kMost = 8192;

    void begin(const TraceHead&, World& world) override { world_ = &world; }
    void on_probe(MonoTime, NodeId, const probe::Event&) override { count(); }
    void on_sim(MonoTime, const SimEvent&) override { count(); }
    const std::vector<Mark>& marks() const noexcept { return marks_; }

private:
    void count();
    World* world_ = nullptr;
    std::uint64_t stride_ = 1;
    std::vector<Mark> marks_;
};

// The index of the first mark that differs; by bisection, because a hash that has once differed
// differs for ever. The size of the shorter list when one is the beginning of the other.
std::size_t first_difference(const std::vector<Mark>& a, const std::vector<Mark>& b);

// One event, told. Numbers count from 1.
struct LoggedEvent {
    Mark mark;  // after it; mark.events is its number
    std::int64_t at_ns = 0;
    std::int32_t node = 0;    // 0: none
    std::uint64_t cause = 0;  // number of the event that it follows from; 0: not known
    std::string sentence;
};
std::string to_line(const LoggedEvent& event);
std::string to_line(const Mark& mark);
// Nothing when the line is another.
std::optional<LoggedEvent> event_of(std::string_view line);
std::optional<Mark> mark_of(std::string_view line);

// What the parent asks for, in the environment: checkpoints at the end, or the events from..to as
// they happen, after which the run ends.
inline constexpr const char* kAskVariable = "FAULTLINE_CHECK";
struct Ask {
    bool checkpoints = false;
    std::uint64_t from = 0, to = 0;  // to 0: no events
};
std::string to_text(const Ask& ask);
// The observer for what this process was asked; null when it was asked nothing. Prints to stdout.
class Answer {
public:
    virtual ~Answer() = default;
    virtual Observer& observer() = 0;
    virtual void finish() = 0;  // after the run
};
std::unique_ptr<Answer> answer_to_environment();
}  // namespace faultline::sim
