# Read by each user's .bashrc, as on Amazon Linux.
if [ -n "$PS1" ]; then PS1='[\u@\h \W]\$ '; fi
