#include "sim/trace/story.h"

#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/unit/visualize/sample_runs.h"

namespace faultline::sim {
namespace {
std::string story_of(const std::function<void(Recorder&)>& run, std::size_t most = 30) {
    Recorder recorder;
    StoryTeller story(test::sample_head(), recorder);
    recorder.add_listener(story);
    run(recorder);
    std::string out;
    for (const std::string& sentence : story.sentences(most)) out += sentence + "\n";
    return out;
}

TEST_CASE("the story of a crash") {
    CHECK(test::is_golden("crash.story.txt",
                          story_of([](Recorder& r) { test::crash_run(r, false); })));
    CHECK(test::is_golden("violated.story.txt",
                          story_of([](Recorder& r) { test::crash_run(r, true); })));
}

TEST_CASE("a listener does not change the hash") {
    Recorder alone, told;
    StoryTeller story(test::sample_head(), told);
    told.add_listener(story);
    test::crash_run(alone, true);
    test::crash_run(told, true);
    CHECK(alone.hash().hex() == told.hash().hex());
}

TEST_CASE("a long story is shortened, not cut") {
    const auto restless = [](Recorder& r) {
        for (int i = 0; i < 100; ++i) {
            r.record(MonoTime{i * 1'000'000'000LL}, ClockJumped{NodeId{1}, i});
        }
    };
    const std::string text = story_of(restless, 20);
    CHECK(std::count(text.begin(), text.end(), '\n') == 20);
    CHECK(text.find("1. 0.000s The wall clock of n1 jumped by +0 ms.") == 0);
    CHECK(text.find("... 81 more sentences ...") != std::string::npos);
    CHECK(text.find("100. 99.000s The wall clock of n1 jumped by +99 ms.") != std::string::npos);
}

TEST_CASE("a long story keeps who leads next, and who votes") {
    const auto restless = [](Recorder& r) {
        const auto orders = r.intern("orders", PartitionIndex{0});
        const auto quorum = r.intern("__cluster_metadata", PartitionIndex{0});
        const auto second = [](int n) { return MonoTime{n * 1'000'000'000LL}; };
        r.on(second(0), NodeId{2}, probe::LeaderChanged{quorum, Epoch{1}, NodeId{2}});
        r.on(second(0), NodeId{1}, probe::LeaderChanged{orders, Epoch{0}, NodeId{1}});
        for (int i = 1; i < 40; ++i)
            r.on(second(i), NodeId{1}, probe::LeaderChanged{orders, Epoch{i}, NodeId{1}});
        r.on(second(50), NodeId{2}, probe::LeaderChanged{orders, Epoch{50}, NodeId{2}});
        r.on(second(51), NodeId{2}, probe::VotersChanged{quorum, Epoch{1}, Offset{9}, 6, 2});
        r.on(second(52), NodeId{1}, probe::VotersChanged{quorum, Epoch{1}, Offset{9}, 6, 2});
    };
    Recorder recorder;
    TraceHead head;
    head.nodes = {{NodeId{1}, "n1", NodeRole::broker}, {NodeId{2}, "n2", NodeRole::broker}};
    StoryTeller story(head, recorder);
    recorder.add_listener(story);
    restless(recorder);
    std::string text;
    for (const std::string& sentence : story.sentences(6)) text += sentence + "\n";
    const auto told = [&](std::string_view what) { return text.find(what) != std::string::npos; };
    CHECK(told("50.000s n2 leads orders-0 in epoch 50."));
    CHECK(told("51.000s n2 makes n1 the voters of the quorum, who were n1 and n2."));
    CHECK_FALSE(told("52.000s"));
}

TEST_CASE("a fault without an effect is named") {
    const std::string text = story_of([](Recorder& r) {
        r.record(MonoTime{0}, NodeStarted{NodeId{1}, 0});
        r.record(MonoTime{0}, FaultArmed{0, r.intern("a slow disk")});
        r.record(MonoTime{5'000'000'000}, NodeStopped{NodeId{1}, true});
    });
    CHECK(text ==
          "1. 0.000s n1 started.\n2. 5.000s n1 stopped.\n"
          "3. 5.000s Fault 1 (a slow disk) never had an effect.\n");
}
}  // namespace
}  // namespace faultline::sim
