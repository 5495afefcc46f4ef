#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the synthetic demo district: streets as Voronoi cells of their centres, cut by a rough outline; communities
inside their street; two rough rivers. Writes packs/district/areas.yaml and web/public/basemap.json.

usage: draw_district.py STREET_CENTRES.csv STREETS.csv COMMUNITIES.csv

The names and codes are the true ones (National Bureau of Statistics, 2023); every boundary is invented."""
import csv
import json
import math
import pathlib
import random
import sys

HOME = pathlib.Path(__file__).resolve().parent.parent
DISTRICT = {"zh": "渝中区", "en": "Yuzhong"}
# A degree of longitude is shorter than one of latitude here; distances are compared in this stretched plane.
STRETCH = math.cos(math.radians(29.55))

# The rough outline: north bank from west to east, tip, south bank from east to west, the land border in the west.
NORTH = [(106.4965, 29.5570), (106.5050, 29.5605), (106.5150, 29.5622), (106.5250, 29.5598), (106.5325, 29.5588),
         (106.5380, 29.5632), (106.5420, 29.5676), (106.5500, 29.5702), (106.5570, 29.5712), (106.5660, 29.5688),
         (106.5740, 29.5676), (106.5820, 29.5690), (106.5885, 29.5700)]
SOUTH = [(106.5902, 29.5672), (106.5892, 29.5610), (106.5850, 29.5550), (106.5795, 29.5506), (106.5715, 29.5468),
         (106.5630, 29.5444), (106.5545, 29.5424), (106.5450, 29.5418), (106.5375, 29.5382), (106.5305, 29.5318),
         (106.5245, 29.5266)]
WEST = [(106.5150, 29.5292), (106.5040, 29.5336), (106.4960, 29.5408), (106.4932, 29.5492)]


def rounded(line):
    """The line with its corners cut (Chaikin), its ends kept."""
    out = [line[0]]
    for (x1, y1), (x2, y2) in zip(line, line[1:]):
        out += [(x1 * .75 + x2 * .25, y1 * .75 + y2 * .25), (x1 * .25 + x2 * .75, y1 * .25 + y2 * .75)]
    return out + [line[-1]]


NORTH, SOUTH = rounded(NORTH), rounded(SOUTH)
OUTLINE = NORTH + SOUTH + WEST


def plane(p):
    return (p[0] * STRETCH, p[1])


def area(ring):
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1])) / 2


def centroid(ring):
    a = area(ring)
    cx = cy = 0.0
    ox, oy = ring[0]
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        x1, y1, x2, y2 = x1 - ox, y1 - oy, x2 - ox, y2 - oy
        w = x1 * y2 - x2 * y1
        cx += (x1 + x2) * w
        cy += (y1 + y2) * w
    return (cx / (6 * a) + ox, cy / (6 * a) + oy)


def inside(p, ring):
    x, y = p
    hit = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            hit = not hit
    return hit


def nearer(ring, mine, other):
    """The part of ring that is nearer to mine than to other (Sutherland-Hodgman by the bisector)."""
    (ax, ay), (bx, by) = plane(mine), plane(other)
    nx, ny = bx - ax, by - ay
    limit = (bx * bx + by * by - ax * ax - ay * ay) / 2

    def side(p):
        x, y = plane(p)
        return nx * x + ny * y - limit

    out = []
    for p, q in zip(ring, ring[1:] + ring[:1]):
        sp, sq = side(p), side(q)
        if sp <= 0:
            out.append(p)
        if (sp < 0 < sq) or (sq < 0 < sp):
            f = sp / (sp - sq)
            out.append((p[0] + f * (q[0] - p[0]), p[1] + f * (q[1] - p[1])))
    return out


def cells(ring, sites):
    result = []
    for s in sites:
        cell = ring
        for o in sites:
            if o != s:
                cell = nearer(cell, s, o)
        result.append(cell)
    return result


def spread(ring, count, seed):
    """count sites inside ring, evenly spread (Lloyd's relaxation)."""
    rng = random.Random(seed)
    xs, ys = [p[0] for p in ring], [p[1] for p in ring]
    sites = []
    while len(sites) < count:
        p = (rng.uniform(min(xs), max(xs)), rng.uniform(min(ys), max(ys)))
        if inside(p, ring):
            sites.append(p)
    for _ in range(60):
        sites = [centroid(c) for c in cells(ring, sites)]
    return sorted(sites)


def closed(ring):
    """Rounded to 5 decimals, without repeated points, counter-clockwise, closed."""
    out = []
    for x, y in ring:
        p = [round(x, 5), round(y, 5)]
        if not out or out[-1] != p:
            out.append(p)
    while len(out) > 1 and out[0] == out[-1]:
        out.pop()
    if area([tuple(p) for p in out]) < 0:
        out.reverse()
    return out + [out[0]]


def bank(line, width, left):
    """The line moved sideways by width (in degrees of latitude)."""
    out = []
    for i, p in enumerate(line):
        (x1, y1), (x2, y2) = plane(line[max(i - 1, 0)]), plane(line[min(i + 1, len(line) - 1)])
        length = math.hypot(x2 - x1, y2 - y1)
        nx, ny = -(y2 - y1) / length, (x2 - x1) / length
        f = width if left else -width
        out.append((p[0] + nx * f / STRETCH, p[1] + ny * f))
    return out


def rivers():
    jialing = [(106.4200, 29.5420), (106.4450, 29.5380), (106.4700, 29.5440)] + NORTH + [(106.5975, 29.5735)]
    yangtze = ([(106.4500, 29.4800), (106.4750, 29.4900), (106.4980, 29.5080), (106.5130, 29.5190)] + SOUTH[::-1] +
               rounded([(106.5930, 29.5735), (106.6010, 29.5800), (106.6200, 29.5850), (106.6600, 29.5800)]))
    return [("嘉陵江", "Jialing River", jialing + bank(jialing, 0.0042, True)[::-1]),
            ("长江", "Yangtze River", yangtze + bank(yangtze, 0.0068, False)[::-1])]


def read(path):
    with open(path, encoding="utf-8") as f:
        return [row for row in csv.reader(f) if row and row[0].isdigit()]


def short(name):
    for tail in ("居民委员会", "工作站"):
        name = name.removesuffix(tail)
    return name


def draw(centre_file, street_file, community_file):
    centres = {row[0]: (float(row[2]), float(row[3])) for row in read(centre_file)}
    streets, communities = [], []
    listed = read(street_file)
    for row, ring in zip(listed, cells(OUTLINE, [centres[row[0]] for row in listed])):
        code, name = row[0], row[1]
        streets.append({"code": code, "name": name, "centre": centres[code], "ring": ring})
        members = [r for r in read(community_file) if r[2] == code]
        sites = spread(ring, len(members), code)
        for member, site, cell in zip(members, sites, cells(ring, sites)):
            communities.append({"code": member[0], "name": short(member[1]), "street": name, "street_code": code,
                                "centre": site, "ring": cell})
    return streets, communities


def yaml_ring(ring):
    return "[" + ", ".join(f"[{x:.5f}, {y:.5f}]" for x, y in closed(ring)) + "]"


def write_yaml(streets, communities):
    lines = ["# SPDX-License-Identifier: Apache-2.0",
             "# Streets and communities of the demo district. Names and codes: National Bureau of Statistics, 2023.",
             "# Boundaries: synthetic, drawn by tools/draw_district.py; they are no survey and no official border.",
             "demo:", "  entities:"]
    top = DISTRICT["zh"]
    for s in streets:
        lines += [f"    - id: urn:ngsi-ld:Street:{s['code']}", "      type: Street",
                  f"      scope: /{top}/{s['name']}", f"      name: {s['name']}", f"      code: \"{s['code']}\"",
                  f"      location: {{type: Polygon, coordinates: [{yaml_ring(s['ring'])}]}}"]
    for c in communities:
        lines += [f"    - id: urn:ngsi-ld:Community:{c['code']}", "      type: Community",
                  f"      scope: /{top}/{c['street']}/{c['name']}", f"      name: {c['name']}",
                  f"      code: \"{c['code']}\"", f"      refStreet: {{object: urn:ngsi-ld:Street:{c['street_code']}}}",
                  f"      location: {{type: Polygon, coordinates: [{yaml_ring(c['ring'])}]}}"]
    (HOME / "packs/district/areas.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def feature(kind, zh, en, ring, **more):
    return {"type": "Feature", "properties": {"kind": kind, "name": zh, "name_en": en, "synthetic": True, **more},
            "geometry": {"type": "Polygon", "coordinates": [closed(ring)]}}


def write_basemap(streets, communities):
    features = [feature("river", zh, en, ring) for zh, en, ring in rivers()]
    features.append(feature("land", DISTRICT["zh"], DISTRICT["en"], OUTLINE))
    for kind, rows in (("street", streets), ("community", communities)):
        for r in rows:
            label = [round(v, 5) for v in (r["centre"] if kind == "community" else centroid(r["ring"]))]
            features.append(feature(kind, r["name"], r["name"], r["ring"], code=r["code"], label=label))
    head = {"type": "FeatureCollection", "name": "basemap",
            "synthetic": "Boundaries and rivers are synthetic. 边界与河流为合成示意，非测绘成果。"}
    body = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features)
    text = json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [\n' + body + "\n]}\n"
    (HOME / "web/public/basemap.json").write_text(text, encoding="utf-8")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    streets, communities = draw(*sys.argv[1:])
    write_yaml(streets, communities)
    write_basemap(streets, communities)
    print(f"{len(streets)} streets, {len(communities)} communities")


if __name__ == "__main__":
    main()
