// This program again, in processes in which everything differs that a run must not depend on.
#pragma once
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace faultline::sim {

// What of a process can be changed without changing what it is asked.
enum class Aspect : unsigned {
    addresses = 1,       // randomised, or not
    allocator_fill = 2,  // what fresh and freed memory holds
    stack_fill = 4,      // what a fresh fiber stack holds
    hash_salt = 8,       // of unordered containers
    environment = 16,    // next to none, and one of another size
    locale = 32,         // decimal point and grouping too, on machines that have only "C"
    time_zone = 64,
    directory = 128,
    descriptors = 256,  // the number of the next file descriptor
};
using Aspects = unsigned;  // bits
inline constexpr Aspects kNoAspect = 0, kAllAspects = 511;
std::string_view to_string(Aspect);
std::vector<Aspect> each_aspect();

// There are two ways to change each aspect, and the two differ from each other.
inline constexpr int kVariants = 2;
struct Perturbation {
    Aspects aspects = kNoAspect;
    int variant = 0;               // addresses: 0 not randomised, 1 randomised
    bool fixed_addresses = false;  // not randomised, whatever the variant
    std::string program = {};      // another build of this one; empty: this one
};
// "everything, variant 1", "allocator fill, variant 1"
std::string to_string(const Perturbation&);

// What a perturbed process does first in main: fills fiber stacks, salts hashes, takes descriptor
// numbers, sets the locale. Does nothing in a process that is not one.
void apply_perturbation();

// A run of this program, or another build of it; its stdout is read line by line, its stderr is the
// parent's. The destructor ends it.
class Child {
public:
    // `variables`: NAME=VALUE, added to the environment.
    Child(const std::vector<std::string>& arguments, const Perturbation& perturbation,
          const std::vector<std::string>& variables = {});
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // The next line without its end; nothing at the end of the output.
    std::optional<std::string> line();
    // Nothing when all is well, else "could not be started", "died by signal 6". Call it after the
    // last line.
    std::optional<std::string> failure();

private:
    void end();
    pid_t pid_ = -1;
    int fd_ = -1, status_ = 0;
    std::string buffer_;
    std::size_t at_ = 0;
};
}  // namespace faultline::sim
