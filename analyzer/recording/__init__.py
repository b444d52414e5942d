"""Capturing without other tools: a proxy between software and meter, a serial port, a pair of ports.

What passes is forwarded first, recorded second, shown third: nothing that the record or the view does can hold it up or
change it.
"""
