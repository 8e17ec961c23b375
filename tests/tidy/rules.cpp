#include "tests/tidy/rules.h"

namespace faultline::tidy {

const std::vector<Rule>& rules() {
    static const std::vector<Rule> kRules{
        {"layers", check_layers},
        {"third-party", check_third_party},
        {"core-headers", check_core_headers},
        {"core-words", check_core_words},
        {"unfinished", check_unfinished},
        {"tests", check_tests},
        {"pragma-once", check_pragma_once},
        {"file-size", check_file_size},
        {"function-size", check_function_size},
        {"constructors", check_constructors},
        {"ratchet", check_ratchet},
        {"invariants", check_invariants},
        {"scenarios", check_scenarios},
        {"durability", check_durability},
        {"links", check_links},
        {"top-level", check_top_level},
    };
    return kRules;
}
}  // namespace faultline::tidy
