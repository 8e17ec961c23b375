// Catch2 2.13 (Debian 12) or 3.x behind one include. Matchers are not used: 3.x renamed them.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
