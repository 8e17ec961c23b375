// The judge of all cases: collects from every thread, reports on the test's own.
#include "tests/env_contract/fixture.h"

#include <mutex>

namespace faultline::contract {
namespace {
struct Verdict {
    std::mutex mutex;
    std::size_t expectations = 0;
    std::vector<std::string> failures;
};
Verdict& verdict() {
    static Verdict v;
    return v;
}
}  // namespace

void expect(bool ok, const std::string& what, const char* file, int line) {
    const std::lock_guard lock(verdict().mutex);
    ++verdict().expectations;
    if (!ok) {
        verdict().failures.push_back(std::string(file) + ":" + std::to_string(line) + ": " + what);
    }
}

void expect_code(std::optional<Errc> got, std::optional<Errc> wanted, const char* what,
                 const char* file, int line) {
    const auto name = [](std::optional<Errc> c) {
        return c ? std::string(to_string(*c)) : std::string("ok");
    };
    expect(got == wanted, std::string(what) + " was " + name(got) + ", not " + name(wanted), file,
           line);
}

void judge(const std::function<void()>& run, const std::string& world) {
    {
        const std::lock_guard lock(verdict().mutex);
        verdict().expectations = 0;
        verdict().failures.clear();
    }
    run();
    const std::lock_guard lock(verdict().mutex);
    INFO(world);
    CHECK(verdict().expectations > 0);
    for (const std::string& f : verdict().failures) FAIL_CHECK(f);
}
}  // namespace faultline::contract
