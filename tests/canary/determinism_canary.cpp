// A canary for `--check`: a run that depends on something of its process must be caught, with the
// event at which it first shows and the aspect that makes it show. `determinism_canary KIND` checks
// a run into which a dependence of that kind is built; with `none`, that an honest run is not
// accused.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "core/base/salted_hash.h"
#include "sim/run/check.h"
#include "sim/run/execute.h"

using namespace faultline;
using namespace faultline::sim;

namespace {

// The run: a producer and a consumer for two seconds; at 1 s something decides a tie.
constexpr std::string_view kScenario = R"({
  "name": "canary", "length": "2s",
  "cluster": {"topics": [{"name": "t"}]},
  "workload": [{"producer": "t", "count": 200, "rate": 100}, {"consumer": "t"}]
})";

// The same for longer and with more: the place is found among 60,000 events.
constexpr std::string_view kLongScenario = R"({
  "name": "canary", "length": "20s",
  "cluster": {"topics": [{"name": "t"}]},
  "workload": [{"producer": "t", "count": 5700, "rate": 300}, {"consumer": "t"}]
})";
bool is_long(std::string_view kind) { return kind == "late"; }

// What the buggy code would have decided on. Each returns another number when its aspect changes.
std::uint64_t by_address() {
    // On the heap and in the program: ASan's heap is at the same place in every process.
    static int in_program = 0;
    const auto on_heap = std::make_unique<int>(1);
    return mix64(reinterpret_cast<std::uintptr_t>(on_heap.get())) ^
           mix64(reinterpret_cast<std::uintptr_t>(&in_program));
}

// The compiler must not see that nobody wrote there: it would refuse to compile the bug.
unsigned char* hidden(void* memory) {
    asm volatile("" : "+r"(memory) : : "memory");
    return static_cast<unsigned char*>(memory);
}

// Many blocks: the first ones may be what the run itself has just given back, with its bytes in it.
std::uint64_t by_fresh_memory() {
    std::vector<unsigned char*> blocks;
    std::uint64_t seen = 0;
    for (int i = 0; i < 64; ++i) {
        blocks.push_back(hidden(std::malloc(40)));
        seen = mix64(seen ^ blocks.back()[33]);
    }
    for (unsigned char* block : blocks) std::free(block);
    return seen;
}

// The build zeroes automatic variables; this one must not be.
#ifdef __clang__
#define FL_UNINITIALIZED [[clang::uninitialized]]
#else
#define FL_UNINITIALIZED [[gnu::uninitialized]]
#endif

[[gnu::noinline]] std::uint64_t by_fresh_stack() {
    FL_UNINITIALIZED unsigned char bytes[512];
    return hidden(bytes)[100];
}

std::uint64_t by_hash_order() {
    std::unordered_map<int, int, SaltedHash<int>> map;
    for (int i = 0; i < 100; ++i) map[i] = i;
    std::uint64_t order = 0;
    for (const auto& [key, value] : map) order = order * 31 + static_cast<std::uint64_t>(key);
    return order;
}

std::uint64_t by_environment() {
    std::uint64_t size = 0;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        // Not what another aspect brings.
        const std::string_view text = *entry;
        if (text.starts_with("FAULTLINE_PADDING") || text.starts_with("CANARY_ROOM")) ++size;
    }
    return size;
}

std::uint64_t by_locale() {
    std::ostringstream text;
    text << 1234567.5;
    return std::hash<std::string>{}(text.str());
}

std::uint64_t by_time_zone() {
    const std::time_t noon = 1'767'225'600 + 12 * 3600;
    std::tm local{};
    localtime_r(&noon, &local);
    return static_cast<std::uint64_t>(local.tm_hour);
}

std::uint64_t by_directory() {
    char path[4096];
    return getcwd(path, sizeof path) == nullptr ? 0 : std::hash<std::string_view>{}(path);
}

std::uint64_t by_descriptor() {
    const int fd = ::open("/dev/null", O_RDONLY);
    ::close(fd);
    return static_cast<std::uint64_t>(fd);
}

// Breaks the run's determinism at 1 s, and passes on to whoever else observes.
class Saboteur final : public Observer {
public:
    Saboteur(std::string kind, Observer* other) : kind_(std::move(kind)), other_(other) {}

    void begin(const TraceHead& head, World& world) override {
        world_ = &world;
        if (other_ != nullptr) other_->begin(head, world);
        if (kind_ == "none" || is_long(kind_)) return;
        world.at(MonoTime{} + 1s, [this] { break_the_tie(); });
    }
    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override {
        if (other_ != nullptr) other_->on_probe(at, node, event);
        // In the middle of the broker's work, so that the event has causes.
        if (!is_long(kind_) || broken_ || at < MonoTime{} + 17s) return;
        if (!std::holds_alternative<probe::BatchAppended>(event)) return;
        broken_ = true;
        break_the_tie();
    }
    void on_sim(MonoTime at, const SimEvent& event) override {
        if (other_ != nullptr) other_->on_sim(at, event);
    }

private:
    void break_the_tie() {
        if (kind_ == "scheduler") {
            // One draw more: no event says so, everything after it is shifted.
            if (by_hash_order() % 1000 != 0) (void)world_->driver().choose(2 + by_hash_order() % 7);
            return;
        }
        if (kind_ == "stack_fill") {
            world_->scheduler().spawn({.name = "canary", .domain = &domain_},
                                      [this] { say(by_fresh_stack()); });
            return;
        }
        say(kind_ == "addresses"                     ? by_address()
            : kind_ == "allocator_fill"              ? by_fresh_memory()
            : kind_ == "hash_salt" || is_long(kind_) ? by_hash_order()
            : kind_ == "environment"                 ? by_environment()
            : kind_ == "locale"                      ? by_locale()
            : kind_ == "time_zone"                   ? by_time_zone()
            : kind_ == "directory"                   ? by_directory()
                                                     : by_descriptor());
    }
    void say(std::uint64_t decided) {
        const std::string text = fmt::format("the tie is broken for {}", decided);
        world_->recorder().record(world_->now(), Note{NodeId{1}, world_->recorder().intern(text)});
    }

    std::string kind_;
    Observer* other_;
    World* world_ = nullptr;
    bool broken_ = false;
    fiber::Domain domain_{"canary"};
};

Outcome run(const std::string& kind, Observer* observer) {
    Scenario scenario;
    if (const auto error =
            parse_scenario("canary", is_long(kind) ? kLongScenario : kScenario, {}, scenario)) {
        std::printf("%s\n", error->text.c_str());
        std::exit(2);
    }
    Saboteur saboteur(kind, observer);
    const auto outcome = execute(scenario, {.seed = 3, .trace = "", .observer = &saboteur});
    if (!outcome.ok()) std::exit(2);
    return *outcome;
}

int as_child(const std::string& kind) {
    const auto answer = answer_to_environment();
    const Outcome outcome = run(kind, answer ? &answer->observer() : nullptr);
    if (answer) answer->finish();
    std::printf("%s\n", outcome.hash_line().c_str());
    return 0;
}

bool contains(const std::string& text, std::string_view what) {
    if (text.find(what) != std::string::npos) return true;
    std::printf("missing in the report: \"%s\"\n", std::string(what).c_str());
    return false;
}

std::string aspect_name(const std::string& kind) {
    if (kind == "addresses") return "address randomisation";
    if (kind == "stack_fill") return "fiber stack fill";
    if (kind == "directory") return "working directory";
    if (kind == "descriptors") return "descriptor numbers";
    if (kind == "scheduler" || is_long(kind)) return "hash salt";
    std::string name = kind;
    for (char& c : name) c = c == '_' ? ' ' : c;
    return name;
}
}  // namespace

int main(int argc, char** argv) {
    apply_perturbation();
    if (argc == 3 && std::string_view(argv[1]) == "--child") return as_child(argv[2]);
    if (argc != 2) {
        std::printf("usage: determinism_canary KIND\n");
        return 2;
    }
    const std::string kind = argv[1];
    // So that the environment is never the one of a child.
    if (::setenv("CANARY_ROOM", "1", 1) != 0) return 2;
    Check check({"canary", "--child", kind});
    const auto report = check.difference(run(kind, nullptr));
    std::printf("%s", report ? report->c_str() : "no difference\n");
    if (kind == "none") return report ? 1 : 0;
    if (!report) return 1;
    const std::string where = kind == "scheduler"
                                  ? "before the next one the scheduler drew something else"
                              : is_long(kind) ? "s n1: the tie is broken for"
                                              : "1.000000s n1: the tie is broken for";
    // Both are asked, so that both complain when both are absent.
    const bool place = contains(*report, where);
    const bool cause = contains(*report, "the run differs when only");
    if (is_long(kind) && !contains(*report, "      because of #")) return 1;
    const auto last = report->rfind("only this is changed");
    return place && cause && contains(report->substr(last), aspect_name(kind)) ? 0 : 1;
}
