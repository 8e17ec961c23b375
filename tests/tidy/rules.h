// The house rules that a compiler does not check. docs/STYLE.md says them in prose.
#pragma once
#include <string_view>
#include <vector>

#include "tests/tidy/tree.h"

namespace faultline::tidy {

using Findings = std::vector<Finding>;

struct Rule {
    std::string_view name;
    Findings (*check)(const Tree&);
};

// rule_layers.cpp
Findings check_layers(const Tree&);       // #include "..." against cmake/layers.cmake
Findings check_third_party(const Tree&);  // #include <lib/...> against cmake/layers.cmake
// rule_words.cpp
Findings check_core_headers(const Tree&);  // core/ has no threads, clocks or operating system
Findings check_core_words(const Tree&);    // core/ does not ask where it runs
Findings check_unfinished(const Tree&);    // no marks of unfinished work
Findings check_tests(const Tree&);         // no sleeping and no test that cannot fail
Findings check_pragma_once(const Tree&);
// rule_size.cpp
Findings check_file_size(const Tree&);
Findings check_function_size(const Tree&);
Findings check_constructors(const Tree&);
Findings check_ratchet(const Tree&);  // known violations may only shrink
// rule_docs.cpp
Findings check_invariants(const Tree&);  // docs/INVARIANTS.md against FL_INVARIANT, both ways
Findings check_scenarios(const Tree&);   // every scenario has a name of its own
Findings check_durability(const Tree&);  // each promise of docs/DURABILITY.md has its scenarios
Findings check_links(const Tree&);       // links and paths in documents exist
Findings check_top_level(const Tree&);

const std::vector<Rule>& rules();
}  // namespace faultline::tidy
