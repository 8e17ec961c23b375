#include <array>
#include <regex>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

struct Ban {
    std::string_view pattern;  // a regular expression
    std::string_view right;
    std::string_view except;  // this file, or files below this directory, may
};

// The matches of a ban in the code of a file, comments and literals left out.
void find_ban(const File& file, std::string_view code, const Ban& ban, Findings& out) {
    if (file.path == ban.except || starts_with_dir(file.path, ban.except)) return;
    const std::regex pattern{std::string(ban.pattern)};
    const std::string text(code);
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
        out.push_back({file.path, line_at(text, static_cast<std::size_t>(it->position())),
                       fmt::format("uses {}", it->str()), std::string(ban.right)});
    }
}

// Host tools of the build are not part of the core that runs.
bool is_core(const File& file) {
    return is_source(file.path) && starts_with_dir(file.path, "core") &&
           !starts_with_dir(file.path, "core/wire/gen");
}

Findings check_bans(const Tree& tree, const std::vector<Ban>& bans, bool (*applies)(const File&)) {
    Findings findings;
    for (const auto& file : tree.files) {
        if (!applies(file)) continue;
        const std::string code = blank_comments_and_literals(file.text, Preprocessor::keep);
        for (const auto& ban : bans) find_ban(file, code, ban, findings);
    }
    return findings;
}
}  // namespace

Findings check_core_headers(const Tree& tree) {
    static const std::vector<Ban> kBans{
        {R"(#include <(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token)>)",
         "core waits through fiber/sync.h and fiber/channel.h", ""},
        {R"(#include <random>)", "draw from core/base/random.h, which every world seeds", ""},
        {R"(#include <(iostream|fstream|filesystem|cstdio|stdio\.h)>)",
         "core reaches files through env/disk.h and people through base/log.h",
         "core/base/assert.cpp"},
        {R"(#include <(unistd|fcntl|poll|pthread|signal|time|dirent|errno)\.h>)",
         "no operating system header in core; add a verb to core/env", ""},
        {R"(#include <(ctime|csignal)>)", "time comes from env/clock.h", ""},
        {R"(#include <(sys|netinet|arpa|linux|net)/[^>]*>)",
         "no operating system header in core; add a verb to core/env", "core/fiber"},
    };
    return check_bans(tree, kBans, is_core);
}

Findings check_core_words(const Tree& tree) {
    static const std::vector<Ban> kBans{
        {R"(\b(system_clock|steady_clock|high_resolution_clock)\b)", "time comes from env/clock.h",
         ""},
        {R"(\b(rand|srand|random_device|drand48)\s*\()", "draw from core/base/random.h", ""},
        {R"(\b(getenv|secure_getenv)\b)", "configuration comes in as a value", ""},
        {R"(\bstd::this_thread\b)", "a fiber waits through env/clock.h", ""},
        {R"(\bcatch\s*\(\s*\.\.\.\s*\))",
         "it would swallow the end of a fiber; only fiber entry catches all", "core/fiber"},
        {R"(\b[iI]s_?[sS]imulated\b|\bsimulated\b|\bNDEBUG\b|\bFL_SIM\b)",
         "core cannot tell where it runs; add an interface verb or a probe::Site", ""},
        {R"(\bunordered_(map|set|multimap|multiset)<\s*(const\s+)?[\w:]+\s*\*)",
         "addresses differ between runs; key by an id", ""},
        {R"(\bstd::(uniform_int|uniform_real|normal|bernoulli|exponential|poisson)_distribution\b)",
         "results differ between libraries; base/random.h has its own", ""},
        {R"(\bthread_local\b)", "state belongs to a shard and is handed down", "core/fiber"},
    };
    return check_bans(tree, kBans, is_core);
}

Findings check_unfinished(const Tree& tree) {
    static const std::regex kMarks(R"(\b(TODO|FIXME|XXX|HACK)\b)");
    Findings findings;
    for (const auto& file : tree.files) {
        const bool checked = is_source(file.path) || file.path.ends_with(".txt") ||
                             file.path.ends_with(".cmake") || file.path == "dev" ||
                             file.path == ".ci/run";
        if (!checked || starts_with_dir(file.path, "tests/tidy")) continue;
        int number = 0;
        for (const auto line : lines_of(file.text)) {
            ++number;
            std::cmatch match;
            if (std::regex_search(line.data(), line.data() + line.size(), match, kMarks)) {
                findings.push_back({file.path, number, "has the mark " + match.str(),
                                    "finish it, or open an issue and leave the mark out"});
            }
        }
    }
    return findings;
}

Findings check_tests(const Tree& tree) {
    static const std::vector<Ban> kBans{
        {R"(\bthis_thread::sleep_\w+|\b(usleep|nanosleep)\b|\bsleep\s*\(\s*\d)",
         "tests of core wait in virtual time", ""},
        {R"(\b(CHECK|REQUIRE)\s*\(\s*(true|1)\s*\)|\bSUCCEED\s*\()", "a test must be able to fail",
         ""},
        {R"(\b(Approx|Catch::Matchers)\b)", "these differ between Catch2 2.x and 3.x", ""},
    };
    return check_bans(tree, kBans, [](const File& file) {
        return is_source(file.path) && (starts_with_dir(file.path, "tests/unit") ||
                                        starts_with_dir(file.path, "tests/sim"));
    });
}

Findings check_pragma_once(const Tree& tree) {
    Findings findings;
    for (const auto& file : tree.files) {
        if (file.path.ends_with(".h") && file.text.find("#pragma once") == std::string::npos) {
            findings.push_back(
                {file.path, 1, "has no #pragma once", "every header starts with it"});
        }
    }
    return findings;
}
}  // namespace faultline::tidy
