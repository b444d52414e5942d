"""acse"""
