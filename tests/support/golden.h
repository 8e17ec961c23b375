// Texts that are compared with a file of the repository.
#pragma once
#include <string>
#include <string_view>

namespace faultline::test {

// Whether `text` is that of the file tests/golden/`name`. If not, the first lines that differ are
// printed; with FL_UPDATE_GOLDEN=1 in the environment the file is written instead, to be reviewed
// and committed.
bool is_golden(std::string_view name, const std::string& text);
}  // namespace faultline::test
