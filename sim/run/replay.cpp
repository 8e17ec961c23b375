#include "sim/run/replay.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <locale>
#include <spawn.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "core/base/salted_hash.h"
#include "core/fiber/stack_pool.h"

namespace faultline::sim {
namespace {

struct Row {
    Aspect aspect;
    std::string_view name;
    std::array<std::vector<std::string>, kVariants> variables;
};

// glibc: fresh memory gets the complement of `perturb`, freed memory the byte itself; but what
// comes out of a thread's cache is not filled, so there is none. ASan has an allocator of its own.
const std::vector<Row>& rows() {
    static const std::vector<Row> all = {
        {Aspect::addresses, "address randomisation", {}},
        {Aspect::allocator_fill,
         "allocator fill",
         {{{"GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165",
            "ASAN_OPTIONS=malloc_fill_byte=90:max_malloc_fill_size=65536"},
           {"GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=60:"
            "glibc.malloc.mmap_threshold=4096:glibc.malloc.top_pad=1234567",
            "ASAN_OPTIONS=malloc_fill_byte=195:max_malloc_fill_size=65536"}}}},
        {Aspect::stack_fill,
         "fiber stack fill",
         {{{"FAULTLINE_STACK_FILL=165"}, {"FAULTLINE_STACK_FILL=60"}}}},
        {Aspect::hash_salt, "hash salt", {{{"FAULTLINE_HASH_SALT=1"}, {"FAULTLINE_HASH_SALT=2"}}}},
        {Aspect::environment,
         "environment",
         {{{}, {"FAULTLINE_PADDING=" + std::string(5000, 'x')}}}},
        {Aspect::locale,
         "locale",
         {{{"LC_ALL=tr_TR.UTF-8", "LANG=tr_TR.UTF-8", "FAULTLINE_LOCALE=,."},
           {"LC_ALL=C.UTF-8", "FAULTLINE_LOCALE=x_"}}}},
        {Aspect::time_zone, "time zone", {{{"TZ=Asia/Tokyo"}, {"TZ=XYZ+3:21ABC"}}}},
        {Aspect::directory, "working directory", {}},
        {Aspect::descriptors,
         "descriptor numbers",
         {{{"FAULTLINE_DESCRIPTORS=100"}, {"FAULTLINE_DESCRIPTORS=7"}}}},
    };
    return all;
}

constexpr std::array<const char*, kVariants> kDirectories = {"/", "/tmp"};

bool has(const Perturbation& p, Aspect aspect) {
    return (p.aspects & static_cast<unsigned>(aspect)) != 0;
}

std::vector<std::string> environment_of(const Perturbation& p,
                                        const std::vector<std::string>& variables) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        bool keep = !has(p, Aspect::environment);
        // What the program needs to run at all, or to complain.
        for (const char* name :
             {"PATH=", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "HOME="}) {
            keep = keep || text.starts_with(name);
        }
        if (keep) all.emplace_back(text);
    }
    std::vector<std::string> changed = variables;
    for (const Row& row : rows()) {
        if (!has(p, row.aspect)) continue;
        const auto& own = row.variables[static_cast<std::size_t>(p.variant)];
        changed.insert(changed.end(), own.begin(), own.end());
    }
    for (const std::string& pair : changed) {
        const std::string name = pair.substr(0, pair.find('=') + 1);
        const auto own = std::ranges::find_if(
            all, [&](const std::string& other) { return other.starts_with(name); });
        if (own == all.end()) {
            all.push_back(pair);
        } else if (name == "ASAN_OPTIONS=") {
            *own += ":" + pair.substr(name.size());  // the last word counts
        } else {
            *own = pair;
        }
    }
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& w : words) out.push_back(w.data());
    out.push_back(nullptr);
    return out;
}

// Another decimal point and digits in groups, as an imbued stream would print them.
class OddNumbers final : public std::numpunct<char> {
public:
    OddNumbers(char point, char separator) : point_(point), separator_(separator) {}

protected:
    char do_decimal_point() const override { return point_; }
    char do_thousands_sep() const override { return separator_; }
    std::string do_grouping() const override { return "\1"; }

private:
    char point_, separator_;
};

void take_descriptors(int count) {
    for (int i = 0; i < count; ++i) {
        if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return;
    }
}
}  // namespace

std::string_view to_string(Aspect aspect) {
    for (const Row& row : rows()) {
        if (row.aspect == aspect) return row.name;
    }
    return "?";
}

std::vector<Aspect> each_aspect() {
    std::vector<Aspect> all;
    for (const Row& row : rows()) all.push_back(row.aspect);
    return all;
}

std::string to_string(const Perturbation& p) {
    if (!p.program.empty()) return p.program;
    if (p.aspects == kNoAspect) {
        return p.fixed_addresses ? "nothing changed, no address randomisation" : "nothing changed";
    }
    std::string names;
    for (const Row& row : rows()) {
        if (has(p, row.aspect)) names += (names.empty() ? "" : ", ") + std::string(row.name);
    }
    return fmt::format("{}, variant {}", p.aspects == kAllAspects ? "everything changed" : names,
                       p.variant + 1);
}

void apply_perturbation() {
    if (const char* fill = std::getenv("FAULTLINE_STACK_FILL")) {
        fiber::set_stack_fill(std::atoi(fill) & 0xff);
    }
    if (const char* salt = std::getenv("FAULTLINE_HASH_SALT")) {
        hash_salt() = std::strtoull(salt, nullptr, 10);
    }
    if (const char* count = std::getenv("FAULTLINE_DESCRIPTORS")) {
        // Once: the command asks again.
        take_descriptors(std::atoi(count));
        ::unsetenv("FAULTLINE_DESCRIPTORS");
    }
    if (const char* signs = std::getenv("FAULTLINE_LOCALE"); signs && std::strlen(signs) == 2) {
        std::setlocale(LC_ALL, "");
        std::locale::global(std::locale(std::locale(), new OddNumbers(signs[0], signs[1])));
    }
    ::tzset();
}

Child::Child(const std::vector<std::string>& arguments, const Perturbation& p,
             const std::vector<std::string>& variables) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (has(p, Aspect::directory)) {
        posix_spawn_file_actions_addchdir_np(&actions,
                                             kDirectories[static_cast<std::size_t>(p.variant)]);
    }
    std::vector<std::string> words = arguments, environment = environment_of(p, variables);
    const std::vector<char*> argv = pointers(words), envp = pointers(environment);
    // Inherited by the child. Where a sandbox forbids the change, addresses stay as they are.
    const int before = ::personality(0xffffffff);
    if (before != -1 && (p.fixed_addresses || has(p, Aspect::addresses))) {
        const auto fixed = static_cast<unsigned long>(ADDR_NO_RANDOMIZE);
        const auto now = static_cast<unsigned long>(before);
        (void)::personality(p.fixed_addresses || p.variant == 0 ? now | fixed : now & ~fixed);
    }
    const std::string program = p.program.empty() ? "/proc/self/exe" : p.program;
    const int failed =
        ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), envp.data());
    if (before != -1) (void)::personality(static_cast<unsigned long>(before));
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    fd_ = ends[0];
    if (failed != 0) pid_ = -1;
}

Child::~Child() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    end();
}

void Child::end() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    if (pid_ <= 0) return;
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
}

std::optional<std::string> Child::line() {
    while (true) {
        const auto newline = buffer_.find('\n', at_);
        if (newline != std::string::npos) {
            std::string out = buffer_.substr(at_, newline - at_);
            at_ = newline + 1;
            return out;
        }
        buffer_.erase(0, std::exchange(at_, 0));
        char bytes[65536];
        const ssize_t n = fd_ < 0 ? 0 : ::read(fd_, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return std::nullopt;
        buffer_.append(bytes, static_cast<std::size_t>(n));
    }
}

std::optional<std::string> Child::failure() {
    if (pid_ == -1) return "could not be started";
    end();
    if (WIFSIGNALED(status_)) return fmt::format("died by signal {}", WTERMSIG(status_));
    return std::nullopt;
}
}  // namespace faultline::sim
