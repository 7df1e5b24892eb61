"""What is accepted, what is refused, and which field is to blame."""

import pytest

from services.cron.parse import DAY, HOUR, LAST, MINUTE, MONTH, WEEKDAY, Cron, CronError, Every, parse, parts


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@MIDNIGHT", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("  0   9 * *  mon-fri ", "0 9 * * 1-5"),
        ("0 9 * jan,Jun *", "0 9 * 1,6 *"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * FRI-SUN", "0 9 * * 0,5,6"),
        ("0 9 * * 5-7", "0 9 * * 0,5,6"),
        ("0 9 ? * 1", "0 9 * * 1"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("10-20/5 * * * *", "10,15,20 * * * *"),
        ("every minute", "* * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("Every 15 min", "*/15 * * * *"),
        ("every 60 minutes", "0 * * * *"),
        ("every hour", "0 * * * *"),
        ("every 2 hours", "0 */2 * * *"),
        ("every 120 minutes", "0 */2 * * *"),
        ("every 24 hours", "0 0 * * *"),
        ("каждые 5 минут", "*/5 * * * *"),
        ("каждую минуту", "* * * * *"),
        ("каждые 3 часа", "0 */3 * * *"),
        ("har 5 daqiqada", "*/5 * * * *"),
        ("har soatda", "0 * * * *"),
    ],
)
def test_different_spellings_mean_the_same(text, same):
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("text", "seconds", "period"),
    [("every 45 minutes", 2700, 2700), ("every 7 hours", 25200, 25200), ("every 20 seconds", 20, 60), ("har 90 soniyada", 90, 90)],
)  # fmt: skip
def test_a_rhythm_no_cron_field_can_say_stays_a_rhythm_of_at_least_a_minute(text, seconds, period):
    expression = parse(text)
    assert expression == Every(seconds)
    assert expression.period == period


@pytest.mark.parametrize(
    ("text", "part", "said"),
    [
        ("60 * * * *", MINUTE, "A minute is 0 to 59, not “60”."),
        ("*/0 * * * *", MINUTE, "step of 1 or more"),
        ("*/x * * * *", MINUTE, "step of 1 or more"),
        ("5-1 * * * *", MINUTE, "“5-1” runs backwards"),
        ("1,,2 * * * *", MINUTE, "comma too many"),
        ("-5 * * * *", MINUTE, "not “”"),
        ("٣ * * * *", MINUTE, "not “٣”"),
        ("* 24 * * *", HOUR, "An hour is 0 to 23, not “24”."),
        ("* 9.5 * * *", HOUR, "not “9.5”"),
        ("* * 0 * *", DAY, "A day is 1 to 31"),
        ("* * 32 * *", DAY, "A day is 1 to 31"),
        ("* * L-3 * *", DAY, "not “L-3”"),
        ("* * 15W * *", DAY, "not “15W”"),
        ("0 0 31 2 *", DAY, "would never run"),
        ("0 0 30,31 2 *", DAY, "would never run"),
        ("0 0 31 4,6,9,11 *", DAY, "would never run"),
        ("* * * 13 *", MONTH, "A month is 1 to 12"),
        ("* * * MON *", MONTH, "not “MON”"),
        ("* * * * 8", WEEKDAY, "A weekday is 0 to 7"),
        ("* * * * MONDAY", WEEKDAY, "not “MONDAY”"),
        ("* * * * L", WEEKDAY, "not “L”"),
        ("* * * * MON#6", WEEKDAY, "here it is “6”"),
        ("* * * * MON#", WEEKDAY, "here it is “”"),
        ("* * LW W *", MONTH, "not “W”"),
    ],
)
def test_an_error_points_at_its_field(text, part, said):
    with pytest.raises(CronError) as caught:
        parse(text)
    assert (caught.value.part, caught.value.field) == (part, "cron")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Say when to run"),
        ("   ", "Say when to run"),
        ("* * * *", "Here there are 4."),
        ("0 * * * * *", "Here there are 6."),
        ("@never", "no word @never"),
        ("every 3 moons", "“moons” is no unit"),
        ("every ٥ minutes", "Here there are 3."),
        ("every 0 minutes", "between one second and seven days"),
        ("every 999999 hours", "between one second and seven days"),
        ("0 0 * * " + ",".join(["1"] * 60), "longer than 100"),
    ],
)
def test_an_error_of_the_whole_points_at_no_field(text, said):
    with pytest.raises(CronError, match=said) as caught:
        parse(text)
    assert caught.value.part is None


def test_the_last_and_the_nth_days_are_read():
    cron = parse("0 0 LW * MON#2,5L")
    assert isinstance(cron, Cron)
    assert (cron.on_last_working_day, cron.nth_weekdays, cron.both_days) == (True, ((1, 2), (5, LAST)), False)


def test_29_february_is_a_day_that_comes():
    assert parse("0 0 29 2 *")


def test_the_parts_are_shown_as_they_are_read():
    assert parts("@weekly") == ["0", "0", "*", "*", "0"]
    assert parts("0 9 * * mon") == ["0", "9", "*", "*", "MON"]
