// A machine's time measured with the scheduler's.
#include "core/fiber/time_base.h"

#include "core/base/random.h"
#include "core/fiber/scheduler.h"
#include "tests/support/catch.h"
#include "tests/unit/fiber/test_driver.h"

using namespace faultline;
using fiber::TimeBase;

TEST_CASE("time base: without a change both times are one", "[time]") {
    const TimeBase base;
    CHECK(base.local(MonoTime{} + 5s) == MonoTime{} + 5s);
    CHECK(base.scheduler_time(MonoTime{} + 7s) == MonoTime{} + 7s);
    CHECK(base.scheduler_time(MonoTime::never()) == MonoTime::never());
}

TEST_CASE("time base: a fast clock gains, a slow one loses, from the change on", "[time]") {
    TimeBase base;
    base.change(MonoTime{} + 10s, 100'000, false);
    CHECK(base.local(MonoTime{} + 10s) == MonoTime{} + 10s);
    CHECK(base.local(MonoTime{} + 20s) == MonoTime{} + 21s);
    base.change(MonoTime{} + 20s, -500'000, false);
    CHECK(base.local(MonoTime{} + 24s) == MonoTime{} + 23s);
    base.change(MonoTime{} + 24s, 0, false);
    CHECK(base.local(MonoTime{} + 25s) == MonoTime{} + 24s);
}

TEST_CASE("time base: a clock that stands keeps its time, and nothing is due on it", "[time]") {
    TimeBase base;
    base.change(MonoTime{} + 3s, 0, true);
    CHECK(base.local(MonoTime{} + 60s) == MonoTime{} + 3s);
    CHECK(base.scheduler_time(MonoTime{} + 4s) == MonoTime::never());
    base.change(MonoTime{} + 60s, 0, false);
    CHECK(base.scheduler_time(MonoTime{} + 4s) == MonoTime{} + 61s);
}

TEST_CASE("time base: the time at which a deadline is due is the first that shows it", "[time]") {
    Rng rng(1);
    for (int i = 0; i < 2000; ++i) {
        TimeBase base;
        const MonoTime start{static_cast<std::int64_t>(rng.below(1'000'000'000'000))};
        base.change(start, rng.between(-500'000, 500'000), false);
        const MonoTime wanted =
            base.local(start) + Duration{static_cast<std::int64_t>(
                                    1 + rng.below(std::uint64_t{1} << rng.between(1, 50)))};
        const MonoTime due = base.scheduler_time(wanted);
        REQUIRE(base.shown_at(due) >= wanted);
        REQUIRE(base.shown_at({due.ns - 1}) < wanted);
    }
}

TEST_CASE("time base: sleepers of a domain wake by its time, also when it changes", "[time]") {
    test::VirtualDriver driver;
    fiber::Scheduler scheduler(driver);
    TimeBase base;
    fiber::Domain domain("slow", &base);
    std::vector<MonoTime> woke;
    const auto change = [&](std::int64_t ppm, bool stands) {
        base.change(scheduler.now(), ppm, stands);
        scheduler.retime(domain);
    };
    scheduler.spawn({.domain = &domain}, [&] {
        scheduler.sleep_until({MonoTime{} + 10s});  // half of it at half the speed
        woke.push_back(scheduler.now());
        scheduler.sleep_until({MonoTime{} + 20s});  // and here it stands for 100 s
        woke.push_back(scheduler.now());
        scheduler.sleep_until(scheduler.here(scheduler.now() + 1s));
        woke.push_back(scheduler.now());
    });
    scheduler.spawn({}, [&] {
        scheduler.sleep_until({MonoTime{} + 5s});
        change(-500'000, false);
        scheduler.sleep_until({MonoTime{} + 15s});
        change(0, false);
        scheduler.sleep_until({MonoTime{} + 20s});
        change(0, true);
        scheduler.sleep_until({MonoTime{} + 120s});
        change(0, false);
    });
    scheduler.run();
    REQUIRE(woke.size() == 3);
    CHECK(15'000'000'000 - woke[0].ns <= 1);  // rounded
    CHECK(125'000'000'000 - woke[1].ns <= 1);
    CHECK(126'000'000'000 - woke[2].ns <= 1);
}
