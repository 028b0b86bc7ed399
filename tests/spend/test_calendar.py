"""Windows begin and end when the clock on the wall says so."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardened.spend.calendar import Calendar, Window

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-15", 24), ("2026-12-31", 24)]
)
def test_a_day_has_the_hours_that_it_has(day: str, hours: int) -> None:
    period = Calendar("Europe/Berlin").at("day", moment(f"{day}T12:00"))
    assert period.name == day
    assert period.end - period.begin == hours * 3600
    assert period.begin == moment(f"{day}T00:00")


def test_both_hours_of_the_night_when_clocks_go_back_belong_to_the_day() -> None:
    calendar = Calendar("Europe/Berlin")
    first, second = moment("2026-10-25T02:30"), moment("2026-10-25T02:30", fold=1)
    assert second - first == 3600
    assert calendar.at("day", first) == calendar.at("day", second)
    assert calendar.at("hour", first).end == calendar.at("hour", second).begin


@pytest.mark.parametrize(
    ("month", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-04", 30), ("2026-12", 31), ("2026-01", 31)]
)
def test_a_month_has_the_days_that_it_has(month: str, days: int) -> None:
    period = Calendar().at("month", moment(f"{month}-17T05:00", ZoneInfo("UTC")))
    assert (period.name, period.end - period.begin) == (month, days * 86_400)


def test_a_month_with_a_change_of_clocks() -> None:
    period = Calendar("Europe/Berlin").at("month", moment("2026-03-31T23:59"))
    assert period.name == "2026-03"
    assert period.end == moment("2026-04-01T00:00")
    assert period.end - period.begin == 31 * 86_400 - 3600


def test_hours_of_zones_that_are_off_by_half_an_hour() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    period = Calendar("Asia/Kolkata").at("hour", moment("2026-05-01T10:29", zone))
    assert period.begin == moment("2026-05-01T10:00", zone)


@given(
    st.floats(0, 4e9),
    st.sampled_from(["minute", "hour", "day", "month"]),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca"]
    ),
)
def test_every_moment_lies_in_its_window_and_the_next_one_follows(at: float, window: Window, zone: str) -> None:
    calendar = Calendar(zone)
    period = calendar.at(window, at)
    assert period.begin <= at < period.end
    following = calendar.at(window, period.end)
    assert following.begin == period.end
    assert following.name > period.name
    assert calendar.at(window, period.begin) == period


def test_the_current_window_moves_on() -> None:
    now = [moment("2026-11-30T23:59:59")]
    calendar = Calendar("Europe/Berlin", lambda: now[0])
    assert (calendar.current("day").name, calendar.current("month").name) == ("2026-11-30", "2026-11")
    now[0] += 1
    assert (calendar.current("day").name, calendar.current("month").name) == ("2026-12-01", "2026-12")
    now[0] -= 2  # a clock that steps back
    assert calendar.current("day").name == "2026-11-30"


def test_days_before() -> None:
    calendar = Calendar("Europe/Berlin")
    assert calendar.days_before(moment("2026-03-01T00:30"), 3) == ["2026-02-28", "2026-02-27", "2026-02-26"]
