# Ends the work of a job on this host, whole: a cancelled command kills the shell that started it and not what it started.
#
# Stop  the job whose unit is ended.
[[ ${SSM_Stop-} =~ ^[a-z0-9][a-z0-9-]{2,79}$ ]] || give_up refused 'Stop: lower-case letters, digits and dashes, at most 80.'
unit=maintenance-$SSM_Stop
was=$(systemctl is-active "$unit" || true)
systemctl stop "$unit" 2>/dev/null || true
now=$(systemctl is-active "$unit" || true)
[[ $now != active && $now != deactivating ]] || give_up refused "$unit is still $now."
finish "{\"status\":\"done\",\"was\":$(quoted "$was")}"
