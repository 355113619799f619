"""A picture of the blank form as registration: what it has in common with a page -> the transform.

Owns the matching: many features that agree on one plane transform and lie all over the form, then small parts of the
blank that are found again where the transform says. Works for forms without marks. A page of another form, or one of
which too little is seen, has no transform.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import FrameUnreadable, TemplateInvalid
from core.template import Template
from scanner.decode import Page
from scanner.fitting import even_sides, fit_projective
from scanner.frames import pages_in
from scanner.pictured import between_pixels

Grey = NDArray[np.uint8]
Single = NDArray[np.float32]
Floats = NDArray[np.float64]

_WORK = 1400  # pixels of the longer side at which features are looked for
_FEATURES = 4000
_RATIO = 0.8  # of the second best match's distance (Lowe 2004)
_NEAR = 3.0  # pixels at the working size that a match may be off
_LEAST = 25  # matches that agree
_CELLS = 4  # each way: the form is divided for the spread
_LEAST_CELLS = 4  # of the sixteen: bubbles are too alike to be matched, so it is headings that agree; the parts must lie all over
_MOST_TAPER = 0.5  # |ln| of opposite sides' lengths
_PATCH = 16  # half the side of a part that is looked for again
_PATCHES = 10  # parts each way
_SEARCH = 8  # pixels around where the transform says
_LIKE = 0.5  # correlation from which a part is found
_LEAST_FOUND = 0.6  # share of the parts that must be found; handwriting hides some
_TEXTURE = 8.0  # standard deviation of a part that can be found at all
_MOST_RESIDUAL = 1.2  # pixels at the working size, the median over the parts after the last fit


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The blank form, its features, and its parts that are worth looking for."""

    pixels: Grey
    work: Grey
    scale: float  # pixels of `work` a pixel of `pixels`
    points: Single  # (n, 2) on `work`
    descriptors: Single  # (n, 128)
    parts: Floats  # (k, 2) centres on `work`


@lru_cache(maxsize=16)
def mark_of(address: str) -> Grey:
    """The small picture of a mark in a `data:` address."""
    picture = cv2.imdecode(np.frombuffer(_bytes_of(address), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None or min(picture.shape) < 8 or picture.std() < 1:
        raise TemplateInvalid("the picture of the marks cannot be read.", where="registration.reference")
    return np.asarray(picture, np.uint8)


def _bytes_of(address: str) -> bytes:
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except ValueError as e:
        raise TemplateInvalid("the picture inside the template is damaged.", where="registration.reference") from e


@lru_cache(maxsize=16)
def reference_of(address: str) -> Reference:
    """The reference in a `data:` address: a picture, or the first page of a PDF."""
    data = _bytes_of(address)
    page = next(iter(pages_in(data, where="registration.reference", channel="grey")), None)
    if not isinstance(page, Page):
        said = page.message if isinstance(page, FrameUnreadable) else "it has no page"
        raise TemplateInvalid(f"the picture of the blank form cannot be read: {said}", where="registration.reference")
    return prepare(page.pixels)


def prepare(pixels: Grey) -> Reference:
    work, scale = _at_work(pixels)
    points, descriptors = _features(work)
    return Reference(pixels, work, scale, points, descriptors, _parts(work))


def homographies(pixels: Grey, reference: Reference, template: Template) -> Iterator[tuple[Floats, int]]:
    """The (3, 3) transform from the template to the page with its turn, when it holds; the template's extent is the
    reference picture's."""
    work, scale = _at_work(pixels)
    points, descriptors = _features(work)
    if len(points) < _LEAST or len(reference.points) < _LEAST:
        return
    one, two = _matches(reference, points, descriptors)
    if len(one) < _LEAST:
        return
    h, inside = cv2.findHomography(one, two, cv2.USAC_MAGSAC, _NEAR, maxIters=5000, confidence=0.9999)
    if h is None or not _believable(np.asarray(h, np.float64), reference, one, np.asarray(inside).ravel().astype(bool)):
        return
    refined = _confirmed(work, np.asarray(h, np.float64), reference)
    if refined is None:
        return
    height, width = reference.pixels.shape
    to_work = _about_centres(reference.scale) @ _fit_box(template, width, height)
    whole = _about_centres(1 / scale) @ refined @ to_work
    across = whole @ np.array([[0.5, 1.0], [0.5, 0.5], [1.0 / template.width, 1.0 / template.width]]) * template.width
    left, right = across[:2, 0] / across[2, 0], across[:2, 1] / across[2, 1]
    turn = round(math.degrees(math.atan2(right[1] - left[1], right[0] - left[0])) / 90) % 4 * 90
    yield whole / whole[2, 2], turn


def _fit_box(template: Template, width: int, height: int) -> Floats:
    """Template places to pixels of a picture whose edges are the form's."""
    return np.array([[width / template.width, 0, -0.5], [0, height / template.height, -0.5], [0, 0, 1.0]])


def _about_centres(scale: float) -> Floats:
    """A change of size between pictures whose pixels' centres have whole numbers."""
    return np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1.0]])


def _at_work(pixels: Grey) -> tuple[Grey, float]:
    scale = min(1.0, _WORK / max(pixels.shape))
    if scale == 1.0:
        return pixels, 1.0
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8), scale


def _features(work: Grey) -> tuple[Single, Single]:
    library: Any = cv2  # its types do not know SIFT
    sift = library.SIFT_create(nfeatures=_FEATURES, contrastThreshold=0.02)
    found, descriptors = sift.detectAndCompute(work, None)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    rooted = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))  # Arandjelovic and Zisserman 2012
    return np.array([f.pt for f in found], np.float32), np.asarray(rooted, np.float32)


def _matches(reference: Reference, points: Single, descriptors: Single) -> tuple[Single, Single]:
    """Pairs that are each other's best and clearly better than the next."""
    likeness = reference.descriptors @ descriptors.T
    if likeness.shape[1] < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    rows = np.arange(likeness.shape[0])
    best = likeness.argmax(axis=1)
    top = likeness[rows, best]
    likeness[rows, best] = -1
    second = likeness.max(axis=1)
    likeness[rows, best] = top
    mutual = likeness.argmax(axis=0)[best] == rows
    near, next_ = np.sqrt(np.maximum(2 - 2 * top, 0)), np.sqrt(np.maximum(2 - 2 * second, 1e-9))
    kept = mutual & (near < _RATIO * next_)
    return reference.points[kept], points[best[kept]]


def _believable(h: Floats, reference: Reference, places: Single, inside: NDArray[np.bool_]) -> bool:
    """Many matches, all over the form; convex, not mirrored, not too aslant."""
    if inside.sum() < _LEAST:
        return False
    height, width = reference.work.shape
    corners = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)], np.float64) @ h.T
    if (corners[:, 2] * corners[0, 2] <= 0).any():
        return False
    if even_sides(corners[:, :2] / corners[:, 2:], _MOST_TAPER) is None:
        return False
    return len(_cells(places[inside], width, height)) >= _LEAST_CELLS


def _cells(points: Single, width: int, height: int) -> set[tuple[int, int]]:
    return {(int(_CELLS * x / width), int(_CELLS * y / height)) for x, y in points}


def _parts(work: Grey) -> Floats:
    """For each field of a lattice its most textured part: what a page must show again."""
    height, width = work.shape
    found = []
    for row in range(_PATCHES):
        for column in range(_PATCHES):
            best: tuple[float, int, int] | None = None
            for dy in (0.3, 0.7):
                for dx in (0.3, 0.7):
                    x, y = int((column + dx) * width / _PATCHES), int((row + dy) * height / _PATCHES)
                    if not (_PATCH <= x < width - _PATCH and _PATCH <= y < height - _PATCH):
                        continue
                    texture = float(work[y - _PATCH : y + _PATCH, x - _PATCH : x + _PATCH].std())
                    if texture > _TEXTURE and (best is None or texture > best[0]):
                        best = texture, x, y
            if best is not None:
                found.append(best[1:])
    return np.array(found, np.float64).reshape(-1, 2)


def _confirmed(work: Grey, h: Floats, reference: Reference) -> Floats | None:
    """The transform fitted anew to the parts that are found again; None where too many are not, or they do not agree."""
    for last in (False, True):
        wanted, found = _found_again(work, h, reference)
        if len(wanted) < 4 or len(found) < max(4, _LEAST_FOUND * len(wanted)):
            return None
        places, offsets = found[:, :2], found[:, 2:]
        near = np.hypot(*(offsets - np.median(offsets, axis=0)).T) < _SEARCH / 2
        if near.sum() < 4:
            return None
        # Offsets are measured on the straightened page, so they move places of the blank.
        correction = np.array(fit_projective(places[near], places[near] + offsets[near]).m).reshape(3, 3)
        if last:
            flat = np.column_stack([places, np.ones(len(places))]) @ correction.T
            rest = np.hypot(*(flat[:, :2] / flat[:, 2:] - places - offsets).T)
            if np.median(rest) > _MOST_RESIDUAL or (rest < 2 * _MOST_RESIDUAL).sum() < _LEAST_FOUND * len(wanted):
                return None
        h = h @ correction
    return h


def _found_again(work: Grey, h: Floats, reference: Reference) -> tuple[Floats, Floats]:
    """The parts that lie on the page, and of those that were found their place and offset (x, y, dx, dy)."""
    height, width = reference.work.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    straight = cv2.warpPerspective(work, h, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=255)
    wanted, found = [], []
    reach = _PATCH + _SEARCH
    for x, y in reference.parts.astype(int):
        if not (reach <= x < width - reach and reach <= y < height - reach):
            continue
        wanted.append((x, y))
        part = reference.work[y - _PATCH : y + _PATCH, x - _PATCH : x + _PATCH]
        window = straight[y - reach : y + reach, x - reach : x + reach]
        like = np.asarray(cv2.matchTemplate(window, part, cv2.TM_CCOEFF_NORMED), np.float32)
        top = np.unravel_index(int(np.argmax(like)), like.shape)
        if like[top] > _LIKE:
            dx, dy = between_pixels(like, int(top[1]), int(top[0]))
            found.append((x, y, top[1] + dx - _SEARCH, top[0] + dy - _SEARCH))
    return np.array(wanted, np.float64).reshape(-1, 2), np.array(found, np.float64).reshape(-1, 4)
