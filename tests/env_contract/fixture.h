// For the worlds' own fixtures.
#pragma once
#include <functional>
#include <string>

#include "tests/env_contract/contract.h"

namespace faultline::contract {
// Runs a case, then reports what its nodes expected in vain. A case that expected nothing fails.
void judge(const std::function<void()>& run, const std::string& world);
}  // namespace faultline::contract
