// The colours of the pictures: contrast as WCAG 2 counts it, and what colour-blind readers see.
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/catch.h"
#include "visualize/slice_style.h"
#include "visualize/svg_style.h"

namespace faultline::visualize {
namespace {
using Rgb = std::array<double, 3>;  // linear, 0 to 1

double linear(int byte) {
    const double c = byte / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}
Rgb colour(const std::string& hex) {
    REQUIRE(hex.size() == 7);
    Rgb out{};
    for (std::size_t i = 0; i < 3; ++i)
        out[i] = linear(std::stoi(hex.substr(1 + 2 * i, 2), nullptr, 16));
    return out;
}
double luminance(const Rgb& c) { return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; }
double contrast(const std::string& a, const std::string& b) {
    const double x = luminance(colour(a)), y = luminance(colour(b));
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

// How dichromats see a colour: Machado, Oliveira and Fernandes 2009, severity 1.
using Matrix = std::array<Rgb, 3>;
constexpr Matrix kSight[] = {{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
                             {{{0.152286, 1.052583, -0.204868},
                               {0.114503, 0.786281, 0.099216},
                               {-0.003882, -0.048116, 1.051998}}},
                             {{{0.367322, 0.860646, -0.227968},
                               {0.280085, 0.672501, 0.047413},
                               {-0.011820, 0.042940, 0.968881}}},
                             {{{1.255528, -0.076749, -0.178779},
                               {-0.078411, 0.930809, 0.147602},
                               {0.004733, 0.691367, 0.303900}}}};

std::array<double, 3> lab(const Rgb& c, const Matrix& sight) {
    Rgb s{};
    for (std::size_t i = 0; i < 3; ++i)
        s[i] = std::clamp(sight[i][0] * c[0] + sight[i][1] * c[1] + sight[i][2] * c[2], 0.0, 1.0);
    const double xyz[] = {(0.4124 * s[0] + 0.3576 * s[1] + 0.1805 * s[2]) / 0.9505,
                          0.2126 * s[0] + 0.7152 * s[1] + 0.0722 * s[2],
                          (0.0193 * s[0] + 0.1192 * s[1] + 0.9505 * s[2]) / 1.089};
    double f[3];
    for (int i = 0; i < 3; ++i)
        f[i] = xyz[i] > 0.008856 ? std::cbrt(xyz[i]) : 7.787 * xyz[i] + 16.0 / 116;
    return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}
// CIE 1976; 2.3 is just noticeable. The least over all kinds of sight.
double apart(const std::string& a, const std::string& b) {
    double least = 1e9;
    for (const Matrix& sight : kSight) {
        const auto x = lab(colour(a), sight), y = lab(colour(b), sight);
        least = std::min(least, std::hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]));
    }
    return least;
}

using Rule = std::map<std::string, std::string>;  // property -> value
// Selectors are `.name` or `text`, in lists; later rules add to earlier ones.
void read_style(std::string_view css, std::map<std::string, Rule>& out) {
    std::size_t at = 0;
    while (true) {
        const std::size_t open = css.find('{', at), close = css.find('}', at);
        if (open == std::string_view::npos || close == std::string_view::npos) return;
        std::string names(css.substr(at, open - at));
        const std::string body(css.substr(open + 1, close - open - 1));
        at = close + 1;
        Rule rule;
        for (std::size_t p = 0; p < body.size();) {
            const std::size_t colon = body.find(':', p),
                              end = std::min(body.find(';', p), body.size());
            if (colon == std::string::npos) break;
            rule[body.substr(p, colon - p)] = body.substr(colon + 1, end - colon - 1);
            p = end + 1;
        }
        std::string name;
        for (const char c : names + ",") {
            if (c == ',') {
                for (const auto& [key, value] : rule) out[name][key] = value;
                name.clear();
            } else if (c != '\n' && c != ' ') {
                name += c;
            }
        }
    }
}
std::map<std::string, Rule> style(std::string_view light, std::string_view dark, bool is_dark) {
    std::map<std::string, Rule> rules;
    read_style(light, rules);
    if (is_dark) read_style(dark, rules);
    return rules;
}
}  // namespace

TEST_CASE("palette: text stands out from what is behind it, in light and dark") {
    CHECK(std::abs(contrast("#000000", "#ffffff") - 21) < 0.01);
    for (const bool dark : {false, true}) {
        const auto rules = style(kSvgStyle, kSvgDarkStyle, dark);
        const auto fill = [&](const char* name) {
            INFO(name);
            return rules.at(name).at("fill");
        };
        for (const char* text :
             {"text", ".h2", ".dim", ".bad", ".v", ".vt", ".ptext", ".ftext", ".otext"}) {
            for (const char* behind : {".bg", ".card", ".chart"}) {
                INFO((dark ? "dark " : "light ") << text << " on " << behind);
                CHECK(contrast(fill(text), fill(behind)) >= 4.5);
            }
        }
        for (const char* behind : {".brk", ".vbox", ".up", ".down", ".rec", ".fault", ".band-p",
                                   ".band-f", ".band-o", ".hpbg"}) {
            INFO((dark ? "dark" : "light") << " text on " << behind);
            CHECK(contrast(fill("text"), fill(behind)) >= 4.5);
        }
        CHECK(contrast(fill(".v"), fill(".vbox")) >= 4.5);
        CHECK(contrast(fill(".badget"), fill(".badge")) >= 4.5);
    }
}

TEST_CASE("palette: lines and marks stand out, and no meaning rests on colour alone") {
    for (const bool dark : {false, true}) {
        const auto rules = style(kSvgStyle, kSvgDarkStyle, dark);
        const auto stroke = [&](const char* name) { return rules.at(name).at("stroke"); };
        for (const char* line :
             {".p", ".f", ".o", ".end", ".durable", ".hw", ".sync", ".lost", ".x", ".violation",
              ".leadbad", ".recovering", ".paused", ".down"}) {
            INFO((dark ? "dark " : "light ") << line);
            CHECK(contrast(stroke(line), rules.at(".bg").at("fill")) >= 3);
        }
        const char* groups[][3] = {{".p", ".f", ".o"}, {".end", ".durable", ".hw"}};
        for (const auto& group : groups) {
            for (int i = 0; i < 3; ++i) {
                for (int j = i + 1; j < 3; ++j) {
                    const Rule &a = rules.at(group[i]), &b = rules.at(group[j]);
                    const bool dashes =
                        a.contains("stroke-dasharray") || b.contains("stroke-dasharray");
                    INFO((dark ? "dark " : "light ") << group[i] << " and " << group[j]);
                    CHECK((apart(a.at("stroke"), b.at("stroke")) >= 12 ||
                           (dashes && a != b && apart(a.at("stroke"), b.at("stroke")) >= 4)));
                }
            }
        }
    }
}

TEST_CASE("palette: leader epochs one after the other have colours apart for every eye") {
    for (const bool dark : {false, true}) {
        const auto rules = style(kSliceStyle, kSliceDarkStyle, dark);
        for (int i = 0; i < 4; ++i) {
            const Rule& a = rules.at(".e" + std::to_string(i));
            const Rule& b = rules.at(".e" + std::to_string((i + 1) % 4));
            INFO((dark ? "dark" : "light") << " epoch colours " << i << " and the next");
            CHECK(std::max(apart(a.at("fill"), b.at("fill")),
                           apart(a.at("stroke"), b.at("stroke"))) >= 12);
        }
    }
}

TEST_CASE("palette: no text is smaller than 9 px, and only badges are below 10") {
    for (const bool slice : {false, true}) {
        std::map<std::string, Rule> rules;
        read_style(slice ? kSliceStyle : kSvgStyle, rules);
        int sizes = 0;
        for (const auto& [name, rule] : rules) {
            const auto it = rule.find("font-size");
            if (it == rule.end()) continue;
            INFO(name << " " << it->second);
            CHECK(std::stoi(it->second) >= (name == ".badget" ? 9 : 10));
            ++sizes;
        }
        CHECK(sizes >= 2);
    }
}
}  // namespace faultline::visualize
